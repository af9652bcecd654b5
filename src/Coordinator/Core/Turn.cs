namespace ClipTrain.Coordinator.Core;

/// <summary>The outcome of one message: the next state, what to do, and what to tell the sender.</summary>
public sealed record TurnResult(RunState State, IReadOnlyList<RunEffect> Effects, RunReply Reply);

/// <summary>The state and effects of a turn while it is being worked out.</summary>
internal sealed class Turn(RunState state, DateTimeOffset now)
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

    public void Refresh(Member next) =>
        State = State with { Members = [.. State.Members.Select(member => member.Slot == next.Slot ? next : member)] };

    public void Do(RunEffect effect) => _effects.Add(effect);

    public void Warn(string text) => Do(new RunEffect.PublishWarning(text));

    public TurnResult Finish(RunReply reply)
    {
        // The state is on disk before anybody acts on it.
        IReadOnlyList<RunEffect> effects = _changed ? [new RunEffect.PersistState(), new RunEffect.PublishStatus(), .. _effects] : _effects;
        return new TurnResult(State, effects, reply);
    }
}
