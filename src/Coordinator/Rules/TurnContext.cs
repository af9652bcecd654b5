using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The outcome of one message: the next state, what to do, and what to tell the sender.</summary>
public sealed record TurnResult(RunState State, IReadOnlyList<RunEffect> Effects, RunReply Reply);

/// <summary>The state and effects of a turn while it is being worked out.</summary>
internal sealed class TurnContext(RunState state, DateTimeOffset now)
{
    private readonly List<RunEffect> _effects = [];
    private bool _changed;

    public RunState State { get; private set; } = state;

    public DateTimeOffset Now { get; } = now;

    /// <summary>A change that must outlive the coordinator and that observers want to know.</summary>
    public void Change(RunState next)
    {
        State = next;
        _changed = true;
    }

    public void Change(Member next)
    {
        Refresh(next);
        _changed = true;
    }

    /// <summary>A change that is not worth a write to disk: a lease, a step counter.</summary>
    public void Refresh(RunState next) => State = next;

    /// <summary>Takes the place of the member of that id, or is a new one.</summary>
    public void Refresh(Member next)
    {
        var members = State.Members.Where(member => !string.Equals(member.WorkerId, next.WorkerId, StringComparison.Ordinal)).Append(next).ToArray();
        Array.Sort(members, (left, right) => WorkerIds.Compare(left.WorkerId, right.WorkerId));
        State = State with { Members = members };
    }

    public void Do(RunEffect effect) => _effects.Add(effect);

    public void Warn(string text) => Do(new RunEffect.PublishWarning(text));

    public void Answer(string workerId, HeldCall call, RunReply reply) => Do(new RunEffect.Answer(workerId, call, reply));

    public TurnResult Finish(RunReply reply)
    {
        // The state is on disk before anybody acts on it.
        IReadOnlyList<RunEffect> effects = _changed ? [new RunEffect.PersistState(), new RunEffect.PublishStatus(), .. _effects] : _effects;
        return new TurnResult(State, effects, reply);
    }
}
