using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum MemberStatus
{
    /// <summary>A managed worker that has not joined yet: its process is starting, or it waits for a free slot on a node.</summary>
    Expected,

    /// <summary>Waits for a rank in the next generation.</summary>
    Joined,

    /// <summary>Has a rank in the running generation.</summary>
    Training,

    /// <summary>Its generation is over, and it has not joined again yet.</summary>
    Leaving,

    /// <summary>Reported Completed or Stopped, and waits for the rest of its generation.</summary>
    Finished,

    /// <summary>Was asked to save its state without the others.</summary>
    Saving,

    /// <summary>Saved its state without the others.</summary>
    Saved,

    /// <summary>Was told to exit without saving.</summary>
    Aborted,

    /// <summary>Reported that it cannot continue.</summary>
    Failed,

    /// <summary>Its process ended without a report.</summary>
    Exited,

    /// <summary>Fell silent, did not return in time, was lost with its node, or lost its name to another process.</summary>
    Lost,
}

/// <summary>One worker of the run. Steps count committed optimizer steps.</summary>
/// <param name="IsManaged">True if a node starts it and reports its exit; false if it joins on its own.</param>
public sealed record Member(string WorkerId, bool IsManaged)
{
    public MemberStatus Status { get; init; } = MemberStatus.Expected;

    /// <summary>The node that runs its process; null for an unmanaged worker or one that waits for a node.</summary>
    public string? NodeId { get; init; }

    /// <summary>Number of times that a node was asked to start it, which identifies its processes before they join.</summary>
    public int Start { get; init; }

    /// <summary>The node on which its last process ended before it had a rank. Other nodes are preferred.</summary>
    public string? FailedOn { get; init; }

    /// <summary>Its rank in the generation it is in or is leaving; null otherwise.</summary>
    public int? Rank { get; init; }

    /// <summary>The last generation in which this process had a rank; 0 if none.</summary>
    public int Generation { get; init; }

    /// <summary>Distinguishes processes of the same name; null until it joins.</summary>
    public string? Incarnation { get; init; }

    /// <summary>Null until it joins.</summary>
    public int? ProcessId { get; init; }

    public string? Host { get; init; }

    public string? Address { get; init; }

    public string? Device { get; init; }

    /// <summary>The step of the complete training state in its memory when it joined; null if it held none that fits the run.</summary>
    public long? HeldStep { get; init; }

    /// <summary>Time of the worker's last message.</summary>
    public DateTimeOffset? LastHeard { get; init; }

    public PhiAccrualDetector Heartbeats { get; init; } = new();

    /// <summary>True once it has sent a heartbeat in the running generation.</summary>
    [JsonPropertyName("hasBeaten")]
    public bool HasSentHeartbeat { get; init; }

    /// <summary>The first unrecorded step in its last heartbeat; null if there was none.</summary>
    public long? OldestRecord { get; init; }

    /// <summary>True once its silence has been reported.</summary>
    public bool IsSuspected { get; init; }

    /// <summary>True once it has been announced as a spare.</summary>
    public bool IsSpare { get; init; }

    public long CommittedStep { get; init; }

    /// <summary>Outcome that it reported in its last generation.</summary>
    public WorkerOutcome? Outcome { get; init; }

    public int? ExitCode { get; init; }

    /// <summary>Number of its consecutive processes that ended before they had a rank.</summary>
    public int FruitlessStarts { get; init; }

    /// <summary>True if the worker is alive and takes part, so it must renew its lease.</summary>
    [JsonIgnore]
    public bool IsLiving =>
        Status is MemberStatus.Joined or MemberStatus.Training or MemberStatus.Leaving or MemberStatus.Finished or MemberStatus.Saving;

    /// <summary>True if the worker has a rank in the running generation.</summary>
    [JsonIgnore]
    public bool IsAssigned => Status is MemberStatus.Training or MemberStatus.Finished;

    /// <summary>The worker's name in messages: with its rank if it has one, and its machine if it is remote.</summary>
    [JsonIgnore]
    public string Label
    {
        get
        {
            var machine = IsManaged ? (NodeId == Node.Local ? null : NodeId) : Host;
            var name = machine is null ? WorkerId : $"{WorkerId} on {machine}";
            return Rank is { } rank ? $"rank {rank} ({name})" : name;
        }
    }
}

/// <summary>A process that starts, ends and watches the workers on one machine.</summary>
/// <param name="Id">Its name in the run.</param>
/// <param name="Incarnation">Random and new for each process. The workers of a node's earlier process died with it.</param>
/// <param name="Slots">Number of workers that it can run at once.</param>
public sealed record Node(string Id, string Incarnation, int Slots)
{
    /// <summary>The node of a run on a single machine. Messages omit it.</summary>
    public const string Local = "local";
}
