using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The outcome of one message: the next state, what to do, and what to tell the sender.</summary>
public sealed record TurnResult(RunState State, IReadOnlyList<RunEffect> Effects, RunReply Reply);

/// <summary>
/// The state and effects of a turn while it is being worked out. A change is one of three kinds: <c>Change</c> must outlive
/// the coordinator, <c>Show</c> is only worth telling observers, since the worker will say it again, and <c>Refresh</c> is
/// worth neither: a lease, a step counter.
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

    /// <summary>Replaces the member of that id, or adds one.</summary>
    public void Refresh(Member next) => State = State with { Members = State.Members.With(next) };

    public void Do(RunEffect effect) => _effects.Add(effect);

    public void Warn(string text) => Do(new RunEffect.PublishWarning(text));

    public void Answer(string workerId, HeldCall call, RunReply reply) => Do(new RunEffect.Answer(workerId, call, reply));

    public TurnResult Finish(RunReply reply)
    {
        if (_publishes)
        {
            _effects.Insert(0, new RunEffect.PublishStatus());
        }

        // The state is in storage before anybody acts on it.
        if (_persists)
        {
            _effects.Insert(0, new RunEffect.PersistState());
        }

        return new TurnResult(State, _effects, reply);
    }
}
