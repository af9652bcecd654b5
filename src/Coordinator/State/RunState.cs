using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum RunPhase
{
    /// <summary>Workers are joining; a generation, the first or a later one, is yet to form.</summary>
    Forming,

    /// <summary>A generation trains.</summary>
    Running,

    /// <summary>The run is ending without all of its workers: who holds the newest state saves it.</summary>
    Draining,

    Completed,
    Stopped,
    Failed,
}

/// <summary>Everything that the coordinator knows of a run. Immutable and serialisable; the rules alone compute the next one.</summary>
public sealed record RunState
{
    public required RunSpec Spec { get; init; }

    public RunPhase Phase { get; init; } = RunPhase.Forming;

    /// <summary>The generation that runs or, while there is none, the one that comes next. The first is 1.</summary>
    public int Generation { get; init; } = 1;

    /// <summary>All workers, in natural order of their ids.</summary>
    public required MemberSet Members { get; init; }

    /// <summary>The nodes that run managed workers, in natural order of their ids.</summary>
    public IReadOnlyList<Node> Nodes { get; init; } = [];

    /// <summary>
    /// Rank 0's assignment in the last generation that was formed; null before the first. The others' differ in the rank alone.
    /// </summary>
    public Assignment? Assignment { get; init; }

    /// <summary>When the last generation was formed; null before the first.</summary>
    public DateTimeOffset? FormedAt { get; init; }

    /// <summary>Whether the last generation was left because workers waited to be taken in, and nothing has gone wrong since.</summary>
    public bool IsPlannedRegroup { get; init; }

    /// <summary>The patience of the phase ends here: with workers that are missing, that are leaving or that save.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>When it is to be said again that the run waits for workers; null when it was not said yet.</summary>
    public DateTimeOffset? NextNotice { get; init; }

    /// <summary>When the coordinator last looked at its clock of its own accord.</summary>
    public required DateTimeOffset LastTick { get; init; }

    public CheckpointMark? LastCheckpoint { get; init; }

    /// <summary>Set while a requested checkpoint is not written yet: one of this step or a later one answers the request.</summary>
    public long? CheckpointWantedFrom { get; init; }

    /// <summary>
    /// The smallest step that all workers of the generation have told of. Goes back only when nobody is left who holds it.
    /// </summary>
    public long CommittedStep { get; init; }

    /// <summary>Records up to this step are in the ledger.</summary>
    public long RecordedStep { get; init; }

    /// <summary>The largest step that the run ever got to. Steps that are done again are no progress.</summary>
    public long FurthestStep { get; init; }

    /// <summary>How many generations in a row broke without progress.</summary>
    public int FruitlessGenerations { get; init; }

    public StragglerWatch Stragglers { get; init; } = new();

    /// <summary>Who asked for a stop, as in "stopped by Ctrl-C"; null when nobody did.</summary>
    public string? StopRequestedBy { get; init; }

    /// <summary>How the run will have ended when it has drained; null before.</summary>
    public OutcomeKind? DrainsTo { get; init; }

    /// <summary>What went wrong since the run last made progress, in order of arrival.</summary>
    public IReadOnlyList<WorkerFailure> Failures { get; init; } = [];

    /// <summary>Senders of messages that were refused and of which a warning has told.</summary>
    public IReadOnlyList<string> RefusedSenders { get; init; } = [];

    /// <summary>How the run ended, in words; null while it has not.</summary>
    public string? EndText { get; init; }

    [JsonIgnore]
    public bool HasEnded => Phase is RunPhase.Completed or RunPhase.Stopped or RunPhase.Failed;

    [JsonIgnore]
    public bool IsFirstForming => Phase == RunPhase.Forming && Assignment is null;

    /// <summary>A run that waits for its workers.</summary>
    /// <param name="spec">What is fixed for the run.</param>
    /// <param name="resumedFrom">The checkpoint that the run starts from, if any.</param>
    /// <param name="now">Time of creation.</param>
    /// <exception cref="ArgumentException">The numbers of workers contradict each other.</exception>
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
            LastCheckpoint = resumedFrom,
            CommittedStep = step,
            RecordedStep = step,
            FurthestStep = step,
        };
    }

    public Member? Find(string workerId) => Members.Find(workerId);
}
