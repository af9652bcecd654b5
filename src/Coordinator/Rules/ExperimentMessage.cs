using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Messages to an experiment. Each may be repeated or late without harm.</summary>
public abstract record ExperimentMessage
{
    private ExperimentMessage() { }

    /// <summary>Adds trials. Those that are already known stay unchanged.</summary>
    public sealed record Submit(ExperimentSpec Spec) : ExperimentMessage;

    /// <summary>Ends the experiment.</summary>
    public sealed record Cancel(string By) : ExperimentMessage;

    /// <summary>The pool granted or revoked leases, or gave reasons for waiting.</summary>
    public sealed record PoolAnswered(IReadOnlyList<LeaseAnswer> Answers) : ExperimentMessage;

    /// <summary>The pool holds nothing more for these attempts.</summary>
    public sealed record Released(IReadOnlyList<RunAttempt> Attempts) : ExperimentMessage;

    /// <summary>The launcher has accepted this attempt.</summary>
    public sealed record Started(RunAttempt Attempt) : ExperimentMessage;

    /// <summary>An attempt ended or was stopped: none of its processes runs or will start.</summary>
    public sealed record Ended(TrialEnd End) : ExperimentMessage;

    /// <summary>Time has passed, or the experiment was taken over: pending effects are repeated.</summary>
    public sealed record Tick : ExperimentMessage;
}

/// <summary>Effects to carry out after the state is on disk, in any order. A later tick repeats those without an answer.</summary>
public abstract record ExperimentEffect
{
    private ExperimentEffect() { }

    /// <summary>Request devices from the pool, which answers with <see cref="ExperimentMessage.PoolAnswered"/>.</summary>
    public sealed record Acquire(LeaseRequest Request) : ExperimentEffect;

    /// <summary>Release the attempt's devices and queue entry; then <see cref="ExperimentMessage.Released"/>.</summary>
    public sealed record Release(RunAttempt Attempt) : ExperimentEffect;

    /// <summary>Start the attempt; then <see cref="ExperimentMessage.Started"/>.</summary>
    public sealed record Start(TrialStart Run) : ExperimentEffect;

    /// <summary>Stop the attempt that has this lease; then <see cref="ExperimentMessage.Ended"/>.</summary>
    public sealed record Stop(Lease Lease) : ExperimentEffect;
}

/// <summary>Result of one message.</summary>
/// <param name="MustPersist">True if the new state must be on disk before it becomes visible.</param>
public sealed record ExperimentResult(ExperimentState State, bool MustPersist, IReadOnlyList<ExperimentEffect> Effects);
