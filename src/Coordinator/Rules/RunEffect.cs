using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>What the host must do after a turn, in order.</summary>
public abstract record RunEffect
{
    private RunEffect()
    {
    }

    /// <summary>Answer the held call of a worker. Nothing to do when none is pending: the worker will ask again.</summary>
    public sealed record Answer(string WorkerId, HeldCall Call, RunReply Reply) : RunEffect;

    /// <summary>The worker's process hangs or is not wanted any more: end it at once.</summary>
    public sealed record KillWorker(string WorkerId) : RunEffect;

    /// <summary>The worker's process should end by itself now: end it if it does not within the grace time.</summary>
    public sealed record DismissWorker(string WorkerId) : RunEffect;

    /// <summary>Write the new state down before anyone is answered.</summary>
    public sealed record PersistState : RunEffect;

    /// <summary>Membership, phase, checkpoint or failures have changed.</summary>
    public sealed record PublishStatus : RunEffect;

    /// <summary>Start a local worker again, whose process has ended.</summary>
    public sealed record StartWorker(string WorkerId) : RunEffect;

    /// <summary>Append committed steps to the run's ledger, synced, and publish their metrics.</summary>
    public sealed record RecordSteps(IReadOnlyList<StepRecord> Records) : RunEffect;

    /// <summary>Append a new generation to the run's ledger, synced. Steps after its start step, if any are recorded, were undone.</summary>
    public sealed record RecordGeneration(GenerationRecord Record) : RunEffect;

    public sealed record PublishWarning(string Text) : RunEffect;

    /// <summary>The run is over.</summary>
    public sealed record EndRun(RunOutcome Outcome) : RunEffect;
}
