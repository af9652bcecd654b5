using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>What the host must do after a turn, in order.</summary>
public abstract record RunEffect
{
    private RunEffect() { }

    /// <summary>Answer the held call of a worker. Nothing to do when none is pending: the worker will ask again.</summary>
    public sealed record Answer(string WorkerId, HeldCall Call, RunReply Reply) : RunEffect;

    /// <summary>
    /// Start a worker's process on a node. May be asked for again after a takeover: a node that has started this number of the
    /// worker already does nothing but report its exit, if it has ended.
    /// </summary>
    /// <param name="Start">1 for the first process of that name, and one more each time.</param>
    public sealed record StartWorker(string WorkerId, string NodeId, int Start) : RunEffect;

    /// <summary>The worker's process hangs or is not wanted any more: end it at once.</summary>
    /// <param name="NodeId">The node that runs it; null for a worker that came by itself, which nobody here can end.</param>
    public sealed record KillWorker(string WorkerId, string? NodeId) : RunEffect;

    /// <summary>The worker's process should end by itself now: end it if it does not within the grace time.</summary>
    /// <param name="NodeId">The node that runs it; null for a worker that came by itself, which nobody here can end.</param>
    public sealed record DismissWorker(string WorkerId, string? NodeId) : RunEffect;

    /// <summary>Write the new state to storage before anyone is answered.</summary>
    public sealed record PersistState : RunEffect;

    /// <summary>Membership, phase, checkpoint or failures have changed.</summary>
    public sealed record PublishStatus : RunEffect;

    /// <summary>Append committed steps to the run's ledger, synced, and publish their metrics.</summary>
    public sealed record RecordSteps(IReadOnlyList<StepRecord> Records) : RunEffect;

    /// <summary>
    /// Append a new generation to the run's ledger, synced, with the digests of the shards that the host computes for it. Steps
    /// after its start step, if any are recorded, were undone.
    /// </summary>
    public sealed record RecordGeneration(GenerationRecord Record) : RunEffect;

    public sealed record PublishWarning(string Text) : RunEffect;

    /// <summary>The run is over. Repeated after a takeover.</summary>
    public sealed record EndRun(RunOutcome Outcome) : RunEffect;
}
