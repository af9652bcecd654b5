namespace ClipTrain.Coordinator.Protocol;

/// <summary>A worker's request for a rank in the run's next generation, sent when it starts and whenever its generation is over.</summary>
/// <param name="WorkerId">Its name in the run. A process that replaces a crashed one may reuse it.</param>
/// <param name="Incarnation">Random and new for each process: distinguishes a restarted worker from its predecessor.</param>
public sealed record JoinRequest(string WorkerId, string Incarnation)
{
    public required int ProcessId { get; init; }

    /// <summary>Machine name, for messages.</summary>
    public required string Host { get; init; }

    /// <summary>Address at which other ranks reach it.</summary>
    public required string Address { get; init; }

    /// <summary>A device that no other worker may use, such as "node7/cuda:0"; null if it may be shared.</summary>
    public string? Device { get; init; }

    /// <summary>Version of its build.</summary>
    public required string CodeVersion { get; init; }

    /// <summary>Hash of its resolved configuration.</summary>
    public required string ConfigHash { get; init; }

    /// <summary>Hash of the corpus manifest it found.</summary>
    public required string CorpusHash { get; init; }

    /// <summary>Start number that its node was given; null if no node started it.</summary>
    public int? Start { get; init; }

    /// <summary>The step of the complete training state in the worker's memory; null if it has no usable state.</summary>
    public long? HeldStep { get; init; }

    /// <summary>The generation that the worker leaves; 0 if it was in none.</summary>
    public int LeftGeneration { get; init; }

    /// <summary>
    /// Reason for leaving, such as "all_reduce on rank 1 of 4: Connection closed by peer"; null if it was asked to regroup.
    /// </summary>
    public string? Reason { get; init; }
}

/// <summary>A complete checkpoint on disk.</summary>
public sealed record CheckpointMark(long Step, string Directory);

/// <summary>A worker's rank in one generation, and the source of the training state. Only the rank differs between workers.</summary>
/// <param name="StartStep">The step of the state that the generation starts from.</param>
public sealed record Assignment(int Generation, int Rank, int WorldSize, long StartStep)
{
    /// <summary>
    /// The rank whose memory holds the state of <see cref="StartStep"/>; null if the state is in <see cref="Checkpoint"/> or is the
    /// initial weights.
    /// </summary>
    public int? SourceRank { get; init; }

    /// <summary>The checkpoint that rank 0 loads if there is no source rank; null for a fresh start.</summary>
    public CheckpointMark? Checkpoint { get; init; }

    /// <summary>True if some rank lacks the state, in which case all ranks take part in the transfer.</summary>
    public bool NeedsTransfer { get; init; }

    /// <summary>Steps whose batches are read and recorded, but change no weight; null if there are none.</summary>
    public IReadOnlyList<StepRange>? PassedOver { get; init; }
}

/// <summary>The answer to a join: an assignment, or a directive (SaveAloneAndExit, Abort).</summary>
public sealed record JoinAnswer(Assignment? Assignment, Directive? Directive);

/// <summary>A worker's regular message, from its first join to its end.</summary>
/// <param name="Generation">The generation it is in; 0 if none.</param>
/// <param name="Records">
/// The oldest unacknowledged steps, in order, at most <see cref="RecordQueue.BatchRecords"/>. Rank 0 sends those of its generation;
/// every rank sends earlier ones.
/// </param>
public sealed record Heartbeat(
    string WorkerId,
    string Incarnation,
    int Generation,
    long CommittedStep,
    IReadOnlyList<StepRecord> Records,
    IReadOnlyList<string> Warnings
)
{
    /// <summary>True if the worker has more records to send after these.</summary>
    public bool HasMoreRecords { get; init; }
}

/// <summary>The answer to a heartbeat.</summary>
/// <param name="Generation">The heartbeat's generation. A worker ignores answers for a generation that it has left.</param>
/// <param name="RecordedStep">Records up to this step are stored and need not be sent again.</param>
public sealed record HeartbeatAnswer(int Generation, Directive Directive, long RecordedStep)
{
    /// <summary>True if every record of the heartbeat is stored and the worker should send its next batch at once.</summary>
    public bool WantsMoreRecords { get; init; }
}

/// <summary>Instruction of the coordinator to a worker.</summary>
public enum Directive
{
    Continue,

    /// <summary>All ranks agree on a step, write a checkpoint there and continue.</summary>
    Checkpoint,

    /// <summary>All ranks agree on a step, leave their group there and join again, so that waiting workers can join.</summary>
    Regroup,

    /// <summary>All ranks agree on a step, write a checkpoint there and report Stopped.</summary>
    Stop,

    /// <summary>The generation is over: abandon the collective in progress and join again.</summary>
    Rejoin,

    /// <summary>The run is ending and this worker has the newest state: write a checkpoint without the other ranks and exit.</summary>
    SaveAloneAndExit,

    /// <summary>Exit without writing anything.</summary>
    Abort,
}

/// <summary>Outcome of a worker's training loop.</summary>
public enum WorkerOutcome
{
    /// <summary>The run's last step is committed and, on rank 0, its checkpoint written.</summary>
    Completed,

    /// <summary>Stopped on request, at a checkpoint.</summary>
    Stopped,

    /// <summary>
    /// The worker cannot continue, and neither could a replacement: bad data, a non-finite loss, a full disk or an internal error. The
    /// message says which.
    /// </summary>
    Failed,
}

/// <summary>
/// Sent when a worker's loop ends. After Completed and Stopped the answer comes when all ranks have reported (Continue: exit)
/// or the generation broke before that (Rejoin).
/// </summary>
public sealed record WorkerReport(string WorkerId, string Incarnation, int Generation, WorkerOutcome Outcome, long CommittedStep)
{
    /// <summary>Reason, after Failed.</summary>
    public string? Message { get; init; }

    /// <summary>After Failed: the exit code of the run's program, which identifies the kind of failure for scripts.</summary>
    public int? ExitCode { get; init; }

    /// <summary>After Failed: true if the loss or a gradient of the step after <see cref="CommittedStep"/> is not finite.</summary>
    public bool Diverged { get; init; }
}

/// <summary>A worker's report of a complete checkpoint on disk.</summary>
public sealed record CheckpointWritten(string WorkerId, string Incarnation, long Step, string Directory);

/// <summary>The files that a worker on another machine needs before it can join.</summary>
/// <param name="Config">Content of the run's resolved configuration file.</param>
/// <param name="Manifest">Content of the run's corpus manifest.</param>
public sealed record RunFilesOffer(byte[] Config, byte[] Manifest);

/// <summary>Operations of a generation's key-value store.</summary>
public enum StoreOp
{
    Set,

    /// <summary>Returns the value once the key exists.</summary>
    Get,
}

/// <summary>One operation on the key-value store through which the ranks of a generation find each other.</summary>
/// <param name="WorkerId">The caller, for messages.</param>
/// <param name="Value">The value to set; null for Get.</param>
public sealed record StoreRequest(string WorkerId, int Generation, StoreOp Op, string Key, byte[]? Value = null);

/// <param name="Value">The value that Get read; null for Set.</param>
public sealed record StoreAnswer(byte[]? Value);
