using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum FailureKind
{
    /// <summary>A collective failed: a consequence of something else, unless nothing else is found.</summary>
    CollectiveFailed,

    /// <summary>The worker itself reported why it cannot go on.</summary>
    Reported,

    /// <summary>The process ended without a report.</summary>
    Exited,

    /// <summary>The worker fell silent, did not do in time what it was asked, or was replaced.</summary>
    Unheard,
}

/// <summary>One thing that went wrong with one worker.</summary>
/// <param name="Label">The worker as messages named it then: its rank may be another's by now.</param>
/// <param name="ExitCode">The code with which the run's program should exit, where the worker named one.</param>
public sealed record WorkerFailure(
    string WorkerId,
    string Label,
    FailureKind Kind,
    string Text,
    IReadOnlyList<string> LastLines,
    int? ExitCode = null
);

public enum OutcomeKind
{
    Completed,
    Stopped,
    Failed,
}

/// <summary>The outcome of a run. The message says why it ended and, unless it completed, from which step it can be resumed.</summary>
/// <param name="ExitCode">After a failure: the exit code that the worker at its root named.</param>
public sealed record RunOutcome(OutcomeKind Kind, string Message, CheckpointMark? LastCheckpoint, int? ExitCode = null);
