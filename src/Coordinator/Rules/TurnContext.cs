using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Result of one message: the next state, the effects, and the reply to the sender.</summary>
public sealed record TurnResult(RunState State, IReadOnlyList<RunEffect> Effects, RunReply Reply);

/// <summary>
/// The state and effects during a turn. Changes are of three kinds: <c>Change</c> must be stored; <c>Show</c> is only published, since
/// the worker will repeat it; <c>Refresh</c> is neither stored nor published, such as a lease or a step counter.
/// </summary>
internal sealed class TurnContext(RunState state, DateTimeOffset now)
{
    private readonly List<RunEffect> _effects = [];
    private bool _persists;
    private bool _publishes;

    public RunState State { get; private set; } = state;

    public DateTimeOffset Now { get; } = now;

    public void Change(RunState next)
    {
        State = next;
        _persists = _publishes = true;
    }

    public void Change(Member next)
    {
        Refresh(next);
        _persists = _publishes = true;
    }

    public void Show(Member next)
    {
        Refresh(next);
        _publishes = true;
    }

    public void Refresh(RunState next) => State = next;

    /// <summary>Replaces the member with this id, or adds it.</summary>
    public void Refresh(Member next) => State = State with { Members = State.Members.With(next) };

    public void Do(RunEffect effect) => _effects.Add(effect);

    public void Warn(string text) => Do(new RunEffect.PublishWarning(text));

    public void Answer(string workerId, HeldCall call, RunReply reply) => Do(new RunEffect.Answer(workerId, call, reply));

    public TurnResult Finish(RunReply reply)
    {
        if (_publishes)
        {
            // Whoever goes back publishes the status to the records that it opens anew.
            _effects.Insert(
                1 + _effects.FindLastIndex(effect => effect is RunEffect.PassOver or RunEffect.GoBack),
                new RunEffect.PublishStatus()
            );
        }

        // The state is stored before anybody acts on it, but after what a stop at this moment must leave behind.
        if (_persists)
        {
            _effects.Insert(_effects is [RunEffect.PassOver, ..] ? 1 : 0, new RunEffect.PersistState());
        }

        return new TurnResult(State, _effects, reply);
    }
}
