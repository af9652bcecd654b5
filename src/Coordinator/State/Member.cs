using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum MemberStatus
{
    /// <summary>A managed worker that has not joined yet: its process is starting, or it waits for a node with a free slot.</summary>
    Expected,

    /// <summary>Waits to be assigned a rank in the next generation.</summary>
    Joined,

    /// <summary>Has a rank in the generation that runs.</summary>
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

    /// <summary>Fell silent, did not come back in time, went with its node, or lost its name to another process.</summary>
    Lost,
}

/// <summary>One worker of the run. Steps count committed optimizer steps.</summary>
/// <param name="IsManaged">True if a node starts it and reports its exit; false if it comes by itself.</param>
public sealed record Member(string WorkerId, bool IsManaged)
{
    public MemberStatus Status { get; init; } = MemberStatus.Expected;

    /// <summary>The node that runs its process; null for a worker that is not managed or waits for a node.</summary>
    public string? NodeId { get; init; }

    /// <summary>Number of times that a node was asked to start it. Tells its processes apart before they join.</summary>
    public int Start { get; init; }

    /// <summary>The node on which its last process ended before it was assigned a rank; another one is preferred.</summary>
    public string? FailedOn { get; init; }

    /// <summary>Its rank in the generation that it is in or leaves; null otherwise.</summary>
    public int? Rank { get; init; }

    /// <summary>The last generation in which this process had a rank; 0 when it was in none.</summary>
    public int Generation { get; init; }

    /// <summary>Tells processes of the same name apart; null until it has joined.</summary>
    public string? Incarnation { get; init; }

    /// <summary>Null until it has joined.</summary>
    public int? ProcessId { get; init; }

    public string? Host { get; init; }

    public string? Address { get; init; }

    public string? Device { get; init; }

    /// <summary>The step of the whole training state in its memory when it joined; null when it held none that fits the run.</summary>
    public long? HeldStep { get; init; }

    /// <summary>Time of the last message from the worker itself.</summary>
    public DateTimeOffset? LastHeard { get; init; }

    public PhiAccrualDetector Heartbeats { get; init; } = new();

    /// <summary>True once a heartbeat of it has come in the generation that runs.</summary>
    public bool HasBeaten { get; init; }

    /// <summary>The first step that is not recorded and that its last heartbeat had a record of; null when it had none.</summary>
    public long? OldestRecord { get; init; }

    /// <summary>True once its silence has been reported.</summary>
    public bool IsSuspected { get; init; }

    /// <summary>True once it has been reported to wait as a spare.</summary>
    public bool IsSpare { get; init; }

    public long CommittedStep { get; init; }

    /// <summary>What it reported at the end of its loop in its last generation.</summary>
    public WorkerOutcome? Outcome { get; init; }

    public int? ExitCode { get; init; }

    /// <summary>Number of its processes in a row that ended before they were assigned a rank.</summary>
    public int FruitlessStarts { get; init; }

    /// <summary>True if the worker lives and takes part, so that it must keep its lease.</summary>
    [JsonIgnore]
    public bool IsLiving =>
        Status is MemberStatus.Joined or MemberStatus.Training or MemberStatus.Leaving or MemberStatus.Finished or MemberStatus.Saving;

    /// <summary>True if the worker has a rank in the generation that runs.</summary>
    [JsonIgnore]
    public bool IsAssigned => Status is MemberStatus.Training or MemberStatus.Finished;

    /// <summary>The worker as messages name it: with its rank where it has one, and its machine where that is another.</summary>
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
