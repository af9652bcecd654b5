using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Core;

public enum RunPhase
{
    /// <summary>Workers are joining; none has a rank yet.</summary>
    Forming,

    /// <summary>All workers have ranks and train.</summary>
    Running,

    /// <summary>A worker is lost; survivors report, and the one with the newest state saves it.</summary>
    Draining,

    Completed,
    Stopped,
    Failed,
}

public enum MemberStatus
{
    /// <summary>Not heard of yet.</summary>
    Expected,

    /// <summary>Waits for the others to join.</summary>
    Joined,

    Training,

    /// <summary>Reported that its collective failed; holds a whole state and waits for a directive.</summary>
    PeerLost,

    /// <summary>Was asked to save its state alone.</summary>
    Saving,

    /// <summary>Saved its state alone.</summary>
    Saved,

    /// <summary>Was told to exit without writing.</summary>
    Aborted,

    Completed,
    Stopped,

    /// <summary>Reported that it cannot go on.</summary>
    Failed,

    /// <summary>Its process ended without a report.</summary>
    Exited,

    /// <summary>Was not heard of for the length of its lease, or did not report in time.</summary>
    Lost,
}

/// <summary>One worker of the run. Steps count committed optimizer steps.</summary>
public sealed record Member(string WorkerId, int Slot)
{
    public MemberStatus Status { get; init; } = MemberStatus.Expected;

    /// <summary>Null until the generation is formed.</summary>
    public int? Rank { get; init; }

    public int? ProcessId { get; init; }

    public string? Host { get; init; }

    /// <summary>Time of the last message from the worker itself.</summary>
    public DateTimeOffset? LastHeard { get; init; }

    public long CommittedStep { get; init; }

    public int? ExitCode { get; init; }

    /// <summary>Whether the worker lives and takes part, so that it must keep its lease.</summary>
    [JsonIgnore]
    public bool HoldsLease => Status is MemberStatus.Training or MemberStatus.PeerLost or MemberStatus.Saving;

    /// <summary>The worker as a message names it: with its rank as soon as it has one.</summary>
    [JsonIgnore]
    public string Label => Rank is { } rank ? $"rank {rank} ({WorkerId})" : WorkerId;
}

/// <summary>A checkpoint that is whole on disk.</summary>
public sealed record CheckpointMark(long Step, string Directory);

public enum FailureKind
{
    /// <summary>A collective failed: a consequence of something else, unless nothing else is found.</summary>
    CollectiveFailed,

    /// <summary>The worker itself reported why it cannot go on.</summary>
    Reported,

    /// <summary>The process ended without a report.</summary>
    Exited,

    /// <summary>The worker fell silent, or did not report in time.</summary>
    Unheard,
}

/// <summary>One thing that went wrong with one worker, in order of arrival.</summary>
/// <param name="ExitCode">The code with which the run's program should exit, where the worker named one.</param>
public sealed record WorkerFailure(string WorkerId, FailureKind Kind, string Text, IReadOnlyList<string> LastLines, int? ExitCode = null);

/// <summary>Everything that the coordinator knows of a run. Serialisable; changed by <see cref="RunMachine"/> alone.</summary>
public sealed record RunState
{
    public required RunSpec Spec { get; init; }

    public RunPhase Phase { get; init; } = RunPhase.Forming;

    /// <summary>Which membership of the run this is, from 1. Messages of another generation are refused.</summary>
    public int Generation { get; init; } = 1;

    /// <summary>All expected workers, in slot order.</summary>
    public required IReadOnlyList<Member> Members { get; init; }

    /// <summary>Forming ends, or the current stage of draining ends, here at the latest.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>When the coordinator last looked at its clock of its own accord.</summary>
    public required DateTimeOffset LastTick { get; init; }

    public CheckpointMark? LastCheckpoint { get; init; }

    /// <summary>Set while a requested checkpoint is not written yet: one of this step or a later one answers the request.</summary>
    public long? CheckpointWantedFrom { get; init; }

    /// <summary>Metrics up to this step were published; a repeated heartbeat publishes none twice.</summary>
    public long LastMetricsStep { get; init; } = -1;

    /// <summary>Who asked for a stop, as in "stopped by Ctrl-C"; null when nobody did.</summary>
    public string? StopRequestedBy { get; init; }

    public IReadOnlyList<WorkerFailure> Failures { get; init; } = [];

    /// <summary>How the run ended, in words; null while it has not.</summary>
    public string? EndText { get; init; }

    [JsonIgnore]
    public bool HasEnded => Phase is RunPhase.Completed or RunPhase.Stopped or RunPhase.Failed;

    /// <summary>The newest step that any worker has told of.</summary>
    [JsonIgnore]
    public long CommittedStep => Members.Max(member => member.CommittedStep);

    /// <summary>A run that waits for its workers.</summary>
    /// <param name="spec">What is fixed for the run.</param>
    /// <param name="resumedFrom">The checkpoint that the run starts from, if any.</param>
    /// <param name="now">Time of creation.</param>
    public static RunState Create(RunSpec spec, CheckpointMark? resumedFrom, DateTimeOffset now)
    {
        if (spec.WorldSize < 1)
        {
            throw new ArgumentException($"A run needs at least one worker, not {spec.WorldSize}.", nameof(spec));
        }

        return new RunState
        {
            Spec = spec,
            Members = [.. Enumerable.Range(0, spec.WorldSize).Select(slot => new Member(WorkerIds.ForSlot(slot), slot) { CommittedStep = resumedFrom?.Step ?? 0 })],
            Deadline = now + spec.Timeouts.Forming,
            LastTick = now,
            LastCheckpoint = resumedFrom,
        };
    }

    public Member? Find(string workerId) => Members.FirstOrDefault(member => string.Equals(member.WorkerId, workerId, StringComparison.Ordinal));
}
