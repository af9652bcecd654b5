namespace ClipTrain.Coordinator.Protocol;

/// <summary>One attempt of a trial's run, to be started on the devices of a lease.</summary>
/// <param name="Experiment">Who is told of the run's end.</param>
public sealed record RunStart(RunAttempt Attempt, string Experiment, string RunFile, Lease Lease);

/// <summary>An attempt is over and none of its processes is left.</summary>
/// <param name="Text">The reason in words, unless it completed.</param>
public sealed record RunEnd(RunAttempt Attempt, RunEndKind Kind, string? Text = null);

public enum RunEndKind
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
