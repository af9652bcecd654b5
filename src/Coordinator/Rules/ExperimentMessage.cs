using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>All that can happen to an experiment. Every message may be repeated or late without harm.</summary>
public abstract record ExperimentMessage
{
    private ExperimentMessage() { }

    /// <summary>Somebody wants these trials. Those that are known already stay as they are.</summary>
    public sealed record Submit(ExperimentSpec Spec) : ExperimentMessage;

    /// <summary>Somebody wants the experiment to end.</summary>
    public sealed record Cancel(string By) : ExperimentMessage;

    /// <summary>The pool has granted or revoked leases, or said why requests wait.</summary>
    public sealed record PoolAnswered(IReadOnlyList<LeaseAnswer> Answers) : ExperimentMessage;

    /// <summary>The pool holds nothing for these attempts any more.</summary>
    public sealed record Released(IReadOnlyList<RunAttempt> Attempts) : ExperimentMessage;

    /// <summary>The launcher has taken this attempt on.</summary>
    public sealed record Started(RunAttempt Attempt) : ExperimentMessage;

    /// <summary>An attempt is over, by itself or because it was stopped: nothing of it runs, and nothing of it will start.</summary>
    public sealed record Ended(TrialEnd End) : ExperimentMessage;

    /// <summary>Time has passed, or the experiment was taken over: whatever is still to be done is to be done again.</summary>
    public sealed record Tick : ExperimentMessage;
}

/// <summary>What the host must do after the state is on disk, in any order. A later tick repeats what had no answer.</summary>
public abstract record ExperimentEffect
{
    private ExperimentEffect() { }

    /// <summary>Ask the pool for devices; it answers with <see cref="ExperimentMessage.PoolAnswered"/>.</summary>
    public sealed record Acquire(LeaseRequest Request) : ExperimentEffect;

    /// <summary>Give back what the pool holds for the attempt; then <see cref="ExperimentMessage.Released"/>.</summary>
    public sealed record Release(RunAttempt Attempt) : ExperimentEffect;

    /// <summary>Start the attempt; then <see cref="ExperimentMessage.Started"/>.</summary>
    public sealed record Start(TrialStart Run) : ExperimentEffect;

    /// <summary>Stop the attempt; then <see cref="ExperimentMessage.Ended"/>.</summary>
    public sealed record Stop(RunAttempt Attempt) : ExperimentEffect;
}

/// <summary>The outcome of one message.</summary>
/// <param name="MustPersist">True if the new state must be on disk before anybody learns of it.</param>
public sealed record ExperimentResult(ExperimentState State, bool MustPersist, IReadOnlyList<ExperimentEffect> Effects);
