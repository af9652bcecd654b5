using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Effects to carry out after a turn, in order.</summary>
public abstract record RunEffect
{
    private RunEffect() { }

    /// <summary>Answer a worker's held call. If none is pending, the worker will ask again.</summary>
    public sealed record Answer(string WorkerId, HeldCall Call, RunReply Reply) : RunEffect;

    /// <summary>
    /// Start a worker's process on a node. May be repeated after a takeover: a node that has already started this number only reports
    /// its exit, if it has ended.
    /// </summary>
    /// <param name="Start">Number of the worker's process, from 1.</param>
    public sealed record StartWorker(string WorkerId, string NodeId, int Start) : RunEffect;

    /// <summary>End a worker's process at once, because it hangs or is no longer wanted.</summary>
    /// <param name="NodeId">The node that runs it; null for an unmanaged worker, which cannot be ended from here.</param>
    public sealed record KillWorker(string WorkerId, string? NodeId) : RunEffect;

    /// <summary>End a worker's process if it does not exit within the grace period.</summary>
    /// <param name="NodeId">The node that runs it; null for an unmanaged worker, which cannot be ended from here.</param>
    public sealed record DismissWorker(string WorkerId, string? NodeId) : RunEffect;

    /// <summary>Store the new state before any call is answered.</summary>
    public sealed record PersistState : RunEffect;

    /// <summary>Membership, phase, checkpoint or failures have changed.</summary>
    public sealed record PublishStatus : RunEffect;

    /// <summary>Append committed steps to the run's ledger, flushed to disk, and publish their metrics.</summary>
    public sealed record RecordSteps(IReadOnlyList<StepRecord> Records) : RunEffect;

    /// <summary>
    /// Append a new generation to the run's ledger, flushed to disk, with the digests of its shards. Recorded steps after its start step
    /// are undone.
    /// </summary>
    public sealed record RecordGeneration(GenerationRecord Record) : RunEffect;

    /// <summary>
    /// Store the steps to pass over, before the state: until a generation that passes over them is in the ledger, whoever resumes the run
    /// goes back before them. Repeated after a takeover.
    /// </summary>
    public sealed record PassOver(IReadOnlyList<StepRange> Steps) : RunEffect;

    /// <summary>
    /// Set aside checkpoints and metrics after a step, and open the records anew from that step. Repeated after a takeover until the
    /// generation that starts there is in the ledger.
    /// </summary>
    public sealed record GoBack(long Step) : RunEffect;

    public sealed record PublishWarning(string Text) : RunEffect;

    /// <summary>The run has ended. Repeated after a takeover.</summary>
    public sealed record EndRun(RunOutcome Outcome) : RunEffect;
}
