namespace ClipTrain.Coordinator.Protocol;

/// <summary>A worker process asks for a rank in the run's next generation: at its start, and whenever its generation is over.</summary>
/// <param name="WorkerId">Its name in the run; a process that takes over after a crash may use it again.</param>
/// <param name="Incarnation">Random, a new one for each process: tells a restarted worker from the one before.</param>
public sealed record JoinRequest(string WorkerId, string Incarnation)
{
    public required int ProcessId { get; init; }

    /// <summary>Name of its machine, for messages.</summary>
    public required string Host { get; init; }

    /// <summary>The address of its machine at which other ranks reach it.</summary>
    public required string Address { get; init; }

    /// <summary>A device that no other worker may use, as in "node7/cuda:0"; null when it may be shared.</summary>
    public string? Device { get; init; }

    /// <summary>The build that it runs.</summary>
    public required string CodeVersion { get; init; }

    /// <summary>Hash of the configuration that it resolved.</summary>
    public required string ConfigHash { get; init; }

    /// <summary>Hash of the corpus manifest that it found.</summary>
    public required string CorpusHash { get; init; }

    /// <summary>The number of its start, as its node was told; null when no node started it.</summary>
    public int? Start { get; init; }

    /// <summary>The step of the whole training state in the worker's memory; null when it holds none that can be used.</summary>
    public long? HeldStep { get; init; }

    /// <summary>The generation that the worker leaves; 0 when it was in none.</summary>
    public int LeftGeneration { get; init; }

    /// <summary>Why it left, as in "all_reduce on rank 1 of 4: Connection closed by peer"; null when it was asked to regroup.</summary>
    public string? Reason { get; init; }
}

/// <summary>A checkpoint that is whole on disk.</summary>
public sealed record CheckpointMark(long Step, string Directory);

/// <summary>
/// A worker's rank in one generation of the run, and where the training state comes from. All ranks are given the same but
/// for the rank.
/// </summary>
/// <param name="StartStep">The step of the state that the generation starts from.</param>
public sealed record Assignment(int Generation, int Rank, int WorldSize, long StartStep)
{
    /// <summary>
    /// The rank whose memory holds the state of <see cref="StartStep"/>; null when it is <see cref="Checkpoint"/> or, at step 0
    /// without one, the initial weights.
    /// </summary>
    public int? SourceRank { get; init; }

    /// <summary>The checkpoint that rank 0 loads when there is no source rank; null at a fresh start.</summary>
    public CheckpointMark? Checkpoint { get; init; }

    /// <summary>True if some rank lacks the state, so that all take part in the transfer.</summary>
    public bool NeedsTransfer { get; init; }
}

/// <summary>The answer to a join: an assignment, or what to do instead (SaveAloneAndExit, Abort).</summary>
public sealed record JoinAnswer(Assignment? Assignment, Directive? Directive);

/// <summary>A worker's regular message, from its first join to its end.</summary>
/// <param name="Generation">The generation that it is in; 0 while it is in none.</param>
/// <param name="Records">
/// The oldest committed steps that the coordinator has not acknowledged, in order, at most <see cref="RecordQueue.BatchRecords"/>.
/// Rank 0 sends those of its generation; every rank sends those from before it.
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
    /// <summary>True if the worker holds records after the last of <see cref="Records"/> that it would send too.</summary>
    public bool HasMoreRecords { get; init; }
}

/// <summary>The answer to a heartbeat.</summary>
/// <param name="Generation">That of the heartbeat; an answer to a generation that the worker has left means nothing.</param>
/// <param name="RecordedStep">Records up to this step are safe and need not be sent again.</param>
public sealed record HeartbeatAnswer(int Generation, Directive Directive, long RecordedStep)
{
    /// <summary>True if all records of the heartbeat are recorded and the worker has more: it sends the next batch at once.</summary>
    public bool WantsMoreRecords { get; init; }
}

/// <summary>What the coordinator asks of a worker.</summary>
public enum Directive
{
    Continue,

    /// <summary>All ranks agree on a step, write a checkpoint there and go on.</summary>
    Checkpoint,

    /// <summary>All ranks agree on a step, leave their group there and join again: workers wait to be taken in.</summary>
    Regroup,

    /// <summary>All ranks agree on a step, write a checkpoint there and report Stopped.</summary>
    Stop,

    /// <summary>The generation is over: give up the collective under way and join again.</summary>
    Rejoin,

    /// <summary>The run is ending and this worker has the newest state: write it as a checkpoint alone, and exit.</summary>
    SaveAloneAndExit,

    /// <summary>Exit without writing anything.</summary>
    Abort,
}

/// <summary>How a worker's training loop ended.</summary>
public enum WorkerOutcome
{
    /// <summary>The run's last step is committed and, on rank 0, its checkpoint written.</summary>
    Completed,

    /// <summary>Stopped as asked, at a checkpoint.</summary>
    Stopped,

    /// <summary>
    /// The worker cannot go on, nor could another in its place: bad data, a non-finite loss, a full disk, a defect. The message says
    /// which.
    /// </summary>
    Failed,
}

/// <summary>
/// Sent when a worker's loop ends. After Completed and Stopped the answer comes when all ranks have reported (Continue: exit)
/// or the generation broke before that (Rejoin).
/// </summary>
public sealed record WorkerReport(string WorkerId, string Incarnation, int Generation, WorkerOutcome Outcome, long CommittedStep)
{
    /// <summary>After Failed: why.</summary>
    public string? Message { get; init; }

    /// <summary>After Failed: the code with which the run's program should exit, which tells scripts the kind of failure.</summary>
    public int? ExitCode { get; init; }
}

/// <summary>A worker tells of a checkpoint that is whole on disk.</summary>
public sealed record CheckpointWritten(string WorkerId, string Incarnation, long Step, string Directory);
