using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum RunPhase
{
    /// <summary>Workers are joining; the first or the next generation has yet to form.</summary>
    Forming,

    /// <summary>A generation is training.</summary>
    Running,

    /// <summary>The run is ending without all of its workers; one that holds the newest state saves it.</summary>
    Draining,

    Completed,
    Stopped,
    Failed,
}

/// <summary>A rise of the loss.</summary>
/// <param name="Cause">The steps that are blamed.</param>
/// <param name="Checkpoint">A complete checkpoint of a step before them.</param>
public sealed record Divergence(StepRange Cause, CheckpointMark Checkpoint);

/// <summary>Complete state of a run. Immutable and serializable; only the rules compute the next state.</summary>
public sealed record RunState
{
    public required RunSpec Spec { get; init; }

    public RunPhase Phase { get; init; } = RunPhase.Forming;

    /// <summary>The running generation or, if there is none, the next one. The first is 1.</summary>
    public int Generation { get; init; } = 1;

    /// <summary>All workers, in natural order of their ids.</summary>
    public required MemberSet Members { get; init; }

    /// <summary>The nodes that run managed workers, in natural order of their ids.</summary>
    public IReadOnlyList<Node> Nodes { get; init; } = [];

    /// <summary>Rank 0's assignment in the last generation; null before the first. The others differ only in the rank.</summary>
    public Assignment? Assignment { get; init; }

    /// <summary>Time at which the last generation formed; null before the first.</summary>
    public DateTimeOffset? FormedAt { get; init; }

    /// <summary>True if the last generation ended to let waiting workers join, and nothing has gone wrong since.</summary>
    public bool IsPlannedRegroup { get; init; }

    /// <summary>A rise of the loss that was noticed during a planned regroup and is still to be answered; null if there is none.</summary>
    public Divergence? Noticed { get; init; }

    /// <summary>
    /// The last generation that starts from a checkpoint because the one before it diverged, formed or still to form; null if there is
    /// none.
    /// </summary>
    public int? WentBackIn { get; init; }

    /// <summary>Deadline for workers that the current phase waits for: missing, leaving or saving ones.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Time of the next notice that the run waits for workers; null before the first notice.</summary>
    public DateTimeOffset? NextNotice { get; init; }

    /// <summary>Time of the last tick.</summary>
    public required DateTimeOffset LastTick { get; init; }

    /// <summary>Time of the last message from a worker or a node.</summary>
    public DateTimeOffset LastContact { get; init; }

    /// <summary>Time since which such messages have come without a longer break.</summary>
    public DateTimeOffset ContactSince { get; init; }

    /// <summary>True once it has been said that none comes any more.</summary>
    public bool IsCutOff { get; init; }

    public CheckpointMark? LastCheckpoint { get; init; }

    /// <summary>Set while a requested checkpoint is not written yet: a checkpoint of this step or later fulfils the request.</summary>
    public long? CheckpointWantedFrom { get; init; }

    /// <summary>
    /// The step that every worker of the generation has reported as committed. It decreases only if no worker that holds the state is left.
    /// </summary>
    public long CommittedStep { get; init; }

    /// <summary>Records up to this step are in the ledger.</summary>
    public long RecordedStep { get; init; }

    /// <summary>The largest step that the run has reached. Repeated steps are not progress.</summary>
    public long FurthestStep { get; init; }

    /// <summary>Number of consecutive generations that broke without progress.</summary>
    public int FruitlessGenerations { get; init; }

    public StragglerWatch Stragglers { get; init; } = new();

    /// <summary>The requester of a stop, as in "stopped by Ctrl-C"; null if none was requested.</summary>
    public string? StopRequestedBy { get; init; }

    /// <summary>Outcome of the run once it has drained; null unless it is draining.</summary>
    public OutcomeKind? DrainsTo { get; init; }

    /// <summary>Failures since the run last made progress, in order of arrival.</summary>
    public IReadOnlyList<WorkerFailure> Failures { get; init; } = [];

    /// <summary>Senders of refused messages for whom a warning has been issued.</summary>
    public IReadOnlyList<string> RefusedSenders { get; init; } = [];

    /// <summary>Message about the end of the run; null while it runs.</summary>
    public string? EndText { get; init; }

    [JsonIgnore]
    public bool HasEnded => Phase is RunPhase.Completed or RunPhase.Stopped or RunPhase.Failed;

    [JsonIgnore]
    public bool IsFirstForming => Phase == RunPhase.Forming && Assignment is null;

    /// <summary>
    /// True from the decision to go back until a generation starts from the checkpoint or the run ends. What the workers of the generation
    /// that diverged hold counts no more, even if the run stops meanwhile.
    /// </summary>
    [JsonIgnore]
    public bool IsGoingBack => Phase is RunPhase.Forming or RunPhase.Draining && WentBackIn == Generation;

    /// <summary>True if a checkpoint of this step belongs to the run's history, and not to the part that it is about to undo.</summary>
    public bool MayContinueFrom(long step) => !IsGoingBack || step < Spec.PassedOver![^1].First;

    /// <summary>Creates the state of a run that waits for its workers.</summary>
    /// <param name="spec">The fixed parameters.</param>
    /// <param name="resumedFrom">The checkpoint that the run starts from, if any.</param>
    /// <param name="now">Time of creation.</param>
    /// <exception cref="ArgumentException">The numbers of workers are inconsistent.</exception>
    public static RunState Create(RunSpec spec, CheckpointMark? resumedFrom, DateTimeOffset now)
    {
        if (
            spec.MinWorkers < 1
            || spec.Workers < spec.MinWorkers
            || spec.MaxWorkers < spec.Workers
            || spec.ManagedWorkers < 0
            || spec.ManagedWorkers > spec.MaxWorkers
        )
        {
            throw new ArgumentException(
                $"A run needs 1 ≤ minimum ≤ workers ≤ maximum and 0 ≤ managed workers ≤ maximum, not a minimum of {spec.MinWorkers}, "
                    + $"{spec.Workers} workers, a maximum of {spec.MaxWorkers} and {spec.ManagedWorkers} managed ones.",
                nameof(spec)
            );
        }

        var step = resumedFrom?.Step ?? 0;
        return new RunState
        {
            Spec = spec,
            Members = MemberSet.Of(
                Enumerable.Range(0, spec.ManagedWorkers).Select(slot => new Member(WorkerIds.ForSlot(slot), IsManaged: true))
            ),
            Deadline = now + spec.Timeouts.Forming,
            LastTick = now,
            LastContact = now,
            ContactSince = now,
            LastCheckpoint = resumedFrom,
            CommittedStep = step,
            RecordedStep = step,
            FurthestStep = step,
        };
    }

    /// <summary>The state as that of a run which starts from this one's last checkpoint, and knows of no later step.</summary>
    public RunState AsResumed() => this with { Assignment = null, RecordedStep = LastCheckpoint!.Step };

    public Member? Find(string workerId) => Members.Find(workerId);
}

public enum FailureKind
{
    /// <summary>A collective failed, usually as a consequence of another failure.</summary>
    CollectiveFailed,

    /// <summary>The worker reported why it cannot continue.</summary>
    Reported,

    /// <summary>The process ended without a report.</summary>
    Exited,

    /// <summary>The worker fell silent, missed a deadline, or was replaced.</summary>
    Unheard,
}

/// <summary>One failure of one worker.</summary>
/// <param name="Label">The worker's name in messages at that time. Its rank may be another worker's by now.</param>
/// <param name="ExitCode">Exit code for the run's program, if the worker gave one.</param>
public sealed record WorkerFailure(
    string WorkerId,
    string Label,
    FailureKind Kind,
    string Text,
    IReadOnlyList<string> LastLines,
    int? ExitCode = null
);
