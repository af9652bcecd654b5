using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// One run; its key is the run's name. Calls of workers may be repeated without harm. A call that is answered with
/// <see cref="RunReply.Held"/> is not decided yet: ask again.
/// </summary>
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Begins the run, or goes on with one that this cluster left unfinished.</summary>
    [ResponseTimeout("00:01:00")]
    Task StartAsync(RunStart start);

    /// <summary>Asks for an assignment in the next generation. Held for five seconds at most.</summary>
    [ResponseTimeout("00:00:08")]
    Task<Answered> JoinAsync(JoinRequest request);

    /// <summary>Tells how a worker's loop ended. Held for five seconds at most.</summary>
    [ResponseTimeout("00:00:08")]
    Task<Answered> ReportAsync(WorkerReport report);

    [ResponseTimeout("00:00:03")]
    Task<Answered> BeatAsync(Heartbeat heartbeat);

    [ResponseTimeout("00:00:08")]
    Task<Answered> CheckpointWrittenAsync(CheckpointWritten checkpoint);

    /// <summary>What a worker of the generation in progress reads; null when it has no assignment.</summary>
    [ResponseTimeout("00:00:08")]
    Task<WorkerShard?> ShardAsync(string workerId);

    /// <summary>A process that a node had started has ended.</summary>
    [ResponseTimeout("00:00:08")]
    Task WorkerExitedAsync(WorkerExit exit);

    /// <summary>What a node reports, and its orders; held for five seconds at most while there are none.</summary>
    [ResponseTimeout("00:00:08")]
    Task<NodeOrders> NodeAsync(NodeReport report);

    /// <summary>A node has left, or is lost for a reason; its workers are gone.</summary>
    [ResponseTimeout("00:00:08")]
    Task NodeLeftAsync(string nodeId, string incarnation, string? reason);

    /// <summary>Asks for a stop at a checkpoint, or at once and without one.</summary>
    [ResponseTimeout("00:00:08")]
    Task StopAsync(string by, bool atOnce);

    /// <summary>Asks for a checkpoint now.</summary>
    [ResponseTimeout("00:00:08")]
    Task<Answered> CheckpointAsync();

    [ResponseTimeout("00:00:08")]
    Task<RunStatus> StatusAsync();

    /// <summary>The run's resolved configuration and the manifest of its corpus, as their files are.</summary>
    [ResponseTimeout("00:00:30")]
    Task<RunFilesOffer> FilesAsync();
}

/// <summary>How a run begins.</summary>
/// <param name="ResumedFrom">The checkpoint to start from; null for a fresh start.</param>
/// <param name="Continues">
/// True to go on with the state that an earlier coordinator left, if it left one of this build unfinished: its workers may
/// train on. False when none of them can be alive.
/// </param>
[GenerateSerializer, Immutable]
public sealed record RunStart(
    [property: Id(0)] RunSpec Spec,
    [property: Id(1)] CheckpointMark? ResumedFrom,
    [property: Id(2)] bool Continues
);

/// <summary>
/// An answer, with the epoch of the activation that gave it. A worker ignores one of an epoch older than the newest it has seen.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record Answered([property: Id(0)] long Epoch, [property: Id(1)] RunReply Reply);

/// <summary>A run as <c>cliptrain status</c> shows it.</summary>
/// <param name="State">Null before the run has begun.</param>
/// <param name="Host">The process that hosts it, as in "4711 on node1".</param>
[GenerateSerializer, Immutable]
public sealed record RunStatus(
    [property: Id(0)] long Epoch,
    [property: Id(1)] RunState? State,
    [property: Id(2)] string Host,
    [property: Id(3)] bool IsConcluded
);
