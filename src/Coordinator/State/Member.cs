using System.Text.Json.Serialization;

using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum MemberStatus
{
    /// <summary>A local worker that was started and has not joined yet.</summary>
    Expected,

    /// <summary>Waits for a place in the next generation.</summary>
    Joined,

    /// <summary>Has a place in the generation that runs.</summary>
    Training,

    /// <summary>Its generation is over, and it has not joined again yet.</summary>
    Leaving,

    /// <summary>Reported Completed or Stopped, and waits until all of its generation have.</summary>
    Finished,

    /// <summary>Was asked to save its state alone.</summary>
    Saving,

    /// <summary>Saved its state alone.</summary>
    Saved,

    /// <summary>Was told to exit without writing.</summary>
    Aborted,

    /// <summary>Reported that it cannot go on.</summary>
    Failed,

    /// <summary>Its process ended without a report.</summary>
    Exited,

    /// <summary>Was not heard of, did not come back in time, or another process has its name now.</summary>
    Lost,
}

/// <summary>One worker of the run. Steps count committed optimizer steps.</summary>
/// <param name="IsLocal">Whether the host itself started it, so that its end is known for certain.</param>
public sealed record Member(string WorkerId, bool IsLocal)
{
    public MemberStatus Status { get; init; } = MemberStatus.Expected;

    /// <summary>Its rank in the generation that it is in or leaves; null otherwise.</summary>
    public int? Rank { get; init; }

    /// <summary>The last generation in which this process had a place; 0 when it was in none.</summary>
    public int Generation { get; init; }

    /// <summary>Which process of this name it is; null until it has joined.</summary>
    public string? Incarnation { get; init; }

    /// <summary>Null until it has joined, and for a local worker of a coordinator that was started again, which is no child of it.</summary>
    public int? ProcessId { get; init; }

    public string? Host { get; init; }

    public string? Address { get; init; }

    public string? Device { get; init; }

    /// <summary>The step of the whole training state in its memory when it joined; null when it held none that fits the run.</summary>
    public long? HeldStep { get; init; }

    /// <summary>Time of the last message from the worker itself.</summary>
    public DateTimeOffset? LastHeard { get; init; }

    public PhiAccrualDetector Heartbeats { get; init; } = new();

    /// <summary>Whether a heartbeat of it has come in the generation that runs.</summary>
    public bool HasBeaten { get; init; }

    /// <summary>Whether its silence was told of.</summary>
    public bool IsSuspected { get; init; }

    /// <summary>Whether it was told of that it waits as a spare.</summary>
    public bool IsSpare { get; init; }

    public long CommittedStep { get; init; }

    /// <summary>What it reported at the end of its loop in its last generation.</summary>
    public WorkerOutcome? Outcome { get; init; }

    public int? ExitCode { get; init; }

    /// <summary>How many local processes of this name in a row ended before they were given a place.</summary>
    public int FruitlessStarts { get; init; }

    /// <summary>Whether the worker lives and takes part, so that it must keep its lease.</summary>
    [JsonIgnore]
    public bool IsLiving => Status is MemberStatus.Joined or MemberStatus.Training or MemberStatus.Leaving or MemberStatus.Finished or MemberStatus.Saving;

    /// <summary>Whether the worker is in the generation that runs.</summary>
    [JsonIgnore]
    public bool IsAssigned => Status is MemberStatus.Training or MemberStatus.Finished;

    /// <summary>The worker as a message names it: with its rank where it has one, with its machine where that is another.</summary>
    [JsonIgnore]
    public string Label
    {
        get
        {
            var name = IsLocal || Host is null ? WorkerId : $"{WorkerId} on {Host}";
            return Rank is { } rank ? $"rank {rank} ({name})" : name;
        }
    }
}
