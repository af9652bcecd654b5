namespace ClipTrain.Coordinator.Protocol;

/// <summary>One attempt of a trial's run, to be started on the devices of a lease.</summary>
/// <param name="Experiment">Who is told of the run's end.</param>
public sealed record TrialStart(RunAttempt Attempt, string Experiment, string RunFile, Lease Lease);

/// <summary>An attempt is over and none of its processes is left.</summary>
/// <param name="Text">The reason in words, unless it completed.</param>
public sealed record TrialEnd(RunAttempt Attempt, TrialEndKind Kind, string? Text = null);

public enum TrialEndKind
{
    Completed,

    /// <summary>The run failed by itself.</summary>
    Failed,

    /// <summary>The loss or a gradient was not finite.</summary>
    Diverged,

    /// <summary>Somebody stopped the run.</summary>
    Stopped,

    /// <summary>Too many of its workers vanished: no fault of the run.</summary>
    DevicesLost,
}
