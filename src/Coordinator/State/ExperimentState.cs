using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

public enum TrialStatus
{
    /// <summary>Waits for devices.</summary>
    Queued,

    /// <summary>Has devices; it is not known yet whether its run was started.</summary>
    Starting,

    Running,
    Completed,
    Failed,
    Diverged,
    Stopped,
}

/// <summary>Everything known of an experiment. Changed by <see cref="Rules.ExperimentMachine"/> alone.</summary>
public sealed record ExperimentState
{
    /// <summary>How often the experiment has been taken over.</summary>
    public long Epoch { get; init; }

    /// <summary>The experiment as it was submitted first, without its trials; null before.</summary>
    public ExperimentSpec? Spec { get; init; }

    /// <summary>In the order in which they were submitted.</summary>
    public IReadOnlyList<TrialState> Trials { get; init; } = [];

    /// <summary>Why the experiment was ended early; null while it was not.</summary>
    public string? EndedBecause { get; init; }

    /// <summary>True when every trial is over and nothing is left to do.</summary>
    [JsonIgnore]
    public bool IsSettled => Trials.All(trial => trial is { IsOver: true, HasClaim: false });
}

/// <summary>One trial.</summary>
/// <param name="Run">Name of its run, the same in every attempt: a later attempt resumes the checkpoints of the one before.</param>
public sealed record TrialState(TrialSpec Spec, string Run)
{
    public TrialStatus Status { get; init; }

    /// <summary>Number of the attempt, from 1. Every return to the queue begins another.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>How often the run failed by itself.</summary>
    public int Failures { get; init; }

    /// <summary>How often its devices were lost.</summary>
    public int DeviceLosses { get; init; }

    /// <summary>The devices that it is starting or running on.</summary>
    public Lease? Lease { get; init; }

    /// <summary>Set while the run is being stopped: what the trial will be then, Queued or Stopped.</summary>
    public TrialStatus? StopsTo { get; init; }

    /// <summary>True while the pool may hold devices or a place in the queue for this trial.</summary>
    public bool HasClaim { get; init; } = true;

    /// <summary>Asks for devices from this time on; null for at once.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Why it waits or how it ended, in words.</summary>
    public string? Text { get; init; }

    [JsonIgnore]
    public bool IsOver => Status >= TrialStatus.Completed;

    [JsonIgnore]
    public bool IsStarted => Status is TrialStatus.Starting or TrialStatus.Running;
}
