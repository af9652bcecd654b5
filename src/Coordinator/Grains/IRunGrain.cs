using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// A run. Its key is the run's name. Calls of workers may be repeated without harm. A call that is answered with <see
/// cref="RunReply.Held"/> is not decided yet: ask again.
/// </summary>
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Starts the run, or continues one that this cluster left unfinished.</summary>
    [ResponseTimeout("00:01:00")]
    Task StartAsync(RunStart start);

    /// <summary>Asks for an assignment in the next generation. Held for at most five seconds.</summary>
    [ResponseTimeout("00:00:08")]
    Task<Answered> JoinAsync(JoinRequest request);

    /// <summary>Reports the end of a worker's loop. Held for at most five seconds.</summary>
    [ResponseTimeout("00:00:08")]
    Task<Answered> ReportAsync(WorkerReport report);

    [ResponseTimeout("00:00:03")]
    Task<Answered> BeatAsync(Heartbeat heartbeat);

    [ResponseTimeout("00:00:08")]
    Task<Answered> CheckpointWrittenAsync(CheckpointWritten checkpoint);

    /// <summary>The shard of a worker in the running generation; null if it has no assignment.</summary>
    [ResponseTimeout("00:00:08")]
    Task<WorkerShard?> ShardAsync(string workerId);

    /// <summary>Reports that the loss shows a divergence. The run goes back to the checkpoint if it may.</summary>
    /// <param name="cause">The steps that are blamed.</param>
    /// <param name="checkpoint">A complete checkpoint of a step before them.</param>
    [ResponseTimeout("00:00:08")]
    Task DivergedAsync(StepRange cause, CheckpointMark checkpoint);

    /// <summary>Reports the end of a process that a node started.</summary>
    [ResponseTimeout("00:00:08")]
    Task WorkerExitedAsync(WorkerExit exit);

    /// <summary>Exchanges a node's report for its orders. Held for at most five seconds while there are none.</summary>
    [ResponseTimeout("00:00:08")]
    Task<NodeOrders> NodeAsync(NodeReport report);

    /// <summary>Reports that a node left together with its workers.</summary>
    [ResponseTimeout("00:00:08")]
    Task NodeLeftAsync(string nodeId, string incarnation);

    /// <summary>Reports that a node is silent. Returns true if it is lost together with its workers, or unknown.</summary>
    [ResponseTimeout("00:00:08")]
    Task<bool> NodeSilentAsync(string nodeId, string incarnation, TimeSpan silence);

    /// <summary>Requests a stop at a checkpoint, or at once without one.</summary>
    [ResponseTimeout("00:00:08")]
    Task StopAsync(string by, bool atOnce);

    /// <summary>Requests a checkpoint.</summary>
    [ResponseTimeout("00:00:08")]
    Task<Answered> CheckpointAsync();

    [ResponseTimeout("00:00:08")]
    Task<RunStatus> StatusAsync();

    /// <summary>Content of the run's resolved configuration file and corpus manifest.</summary>
    [ResponseTimeout("00:00:30")]
    Task<RunFilesOffer> FilesAsync();
}

/// <summary>Parameters of a run's start.</summary>
/// <param name="ResumedFrom">The checkpoint to resume from; null for a fresh start.</param>
/// <param name="Continues">
/// True to continue from the state of an earlier coordinator of the same build if the run is unfinished, since its workers may still be
/// training. False if no worker can be alive.
/// </param>
[GenerateSerializer, Immutable]
public sealed record RunStart(
    [property: Id(0)] RunSpec Spec,
    [property: Id(1)] CheckpointMark? ResumedFrom,
    [property: Id(2)] bool Continues
);

/// <summary>
/// An answer with the term of the activation that gave it. Workers ignore answers of terms older than the newest they have seen.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record Answered([property: Id(0)] long Term, [property: Id(1)] RunReply Reply);

/// <summary>A run as <c>cliptrain status</c> shows it.</summary>
/// <param name="State">Null before the run has started.</param>
/// <param name="Host">The process that hosts it, such as "4711 on node1".</param>
[GenerateSerializer, Immutable]
public sealed record RunStatus(
    [property: Id(0)] long Term,
    [property: Id(1)] RunState? State,
    [property: Id(2)] string Host,
    [property: Id(3)] bool IsConcluded
);
