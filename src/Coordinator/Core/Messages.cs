namespace ClipTrain.Coordinator.Core;

/// <summary>A worker process asks for its place in the run.</summary>
public sealed record JoinRequest(string WorkerId, int ProcessId, string Host, string CodeVersion, string ConfigHash);

/// <summary>A worker's place in one generation of the run, and the store through which its process group meets.</summary>
public sealed record Assignment(int Generation, int Rank, int WorldSize, string StoreHost, int StorePort, string StorePrefix);

/// <summary>What a worker tells regularly. Metrics hold the steps since the last heartbeat; rank 0 alone sends them.</summary>
public sealed record Heartbeat(string WorkerId, int Generation, long CommittedStep, IReadOnlyList<StepMetrics> Metrics, IReadOnlyList<string> Warnings);

/// <summary>What the coordinator asks of a worker, the answer to its heartbeat.</summary>
public enum Directive
{
    Continue,

    /// <summary>All ranks agree on a step, write a checkpoint there and go on.</summary>
    Checkpoint,

    /// <summary>All ranks agree on a step, write a checkpoint there and exit.</summary>
    Stop,

    /// <summary>A peer is lost and this worker has the newest state: write it as a checkpoint alone, and exit.</summary>
    SaveAloneAndExit,

    /// <summary>Exit without writing anything.</summary>
    Abort,
}

/// <summary>Why a worker's training loop ended or paused.</summary>
public enum WorkerOutcome
{
    /// <summary>The run's last step is committed and its checkpoint written.</summary>
    Completed,

    /// <summary>Stopped as asked, at a checkpoint.</summary>
    Stopped,

    /// <summary>A collective failed; the worker holds a whole state at its committed step and waits for a directive.</summary>
    PeerLost,

    /// <summary>The worker cannot go on: bad data, a non-finite loss, a full disk, a defect. The message says which.</summary>
    Failed,
}

/// <summary>Sent when a worker's loop ends; the answer is a directive (after PeerLost: save alone, or abort).</summary>
/// <param name="ExitCode">After Failed: the code with which the run's program should exit, which tells scripts the kind of failure.</param>
public sealed record WorkerReport(string WorkerId, int Generation, WorkerOutcome Outcome, long CommittedStep, string? Message, int? ExitCode = null);

/// <summary>A checkpoint that is whole on disk.</summary>
public sealed record CheckpointWritten(string WorkerId, long Step, string Directory);

/// <summary>One optimizer step as rank 0 saw it. Seconds are wall seconds; rates are over all workers.</summary>
public sealed record StepMetrics(
    long Step,
    long Samples,
    double Epoch,
    double Loss,
    double LogitScale,
    double GradientNorm,
    double LearningRate,
    double StepSeconds,
    double ImagesPerSecond,
    double DataWaitShare,
    long BadSamples);
