using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>A set of runs that share a pool of devices.</summary>
/// <param name="Name">Name of the experiment. Its runs are NAME/TRIAL.</param>
/// <param name="Pool">Name of the pool.</param>
/// <param name="Trials">In starting order.</param>
public sealed record ExperimentSpec(string Name, string Pool, IReadOnlyList<TrialSpec> Trials)
{
    /// <summary>
    /// True to end the experiment at the first trial that fails for good. A diverged trial does not count: it is a result.
    /// </summary>
    public bool FailFast { get; init; }
}

public enum TrialStatus
{
    /// <summary>Waits for devices.</summary>
    Queued,

    /// <summary>Has devices; its run may or may not have started.</summary>
    Starting,

    Running,
    Completed,
    Failed,
    Diverged,
    Stopped,
}

/// <summary>Complete state of an experiment. Only <see cref="Rules.ExperimentMachine"/> changes it.</summary>
public sealed record ExperimentState
{
    /// <summary>Number of takeovers of the experiment.</summary>
    [JsonPropertyName("epoch")]
    public long Term { get; init; }

    /// <summary>The experiment as first submitted, without its trials; null before.</summary>
    public ExperimentSpec? Spec { get; init; }

    /// <summary>In order of submission.</summary>
    public IReadOnlyList<TrialState> Trials { get; init; } = [];

    /// <summary>Reason why the experiment ended early; null if it did not.</summary>
    public string? EndedBecause { get; init; }

    /// <summary>True if every trial is over and nothing is left to do.</summary>
    [JsonIgnore]
    public bool IsSettled => Trials.All(trial => trial is { IsOver: true, HasClaim: false });

    /// <summary>When its last trial ended; null while something is left to do.</summary>
    [JsonIgnore]
    public DateTimeOffset? Settled => IsSettled ? Trials.Max(trial => trial.Ended) : null;
}

/// <summary>One trial.</summary>
/// <param name="Run">Name of its run, the same in every attempt: each attempt resumes from the checkpoints of the previous one.</param>
public sealed record TrialState(TrialSpec Spec, string Run)
{
    public TrialStatus Status { get; init; }

    /// <summary>Attempt number, from 1. Each return to the queue starts another attempt.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Number of the run's own failures.</summary>
    public int Failures { get; init; }

    /// <summary>Number of times its devices were lost.</summary>
    public int DeviceLosses { get; init; }

    /// <summary>The devices that it starts or runs on.</summary>
    public Lease? Lease { get; init; }

    /// <summary>Set while the run is being stopped: the status that follows, Queued or Stopped.</summary>
    public TrialStatus? StopsTo { get; init; }

    /// <summary>True while the pool may hold devices or a queue entry for this trial.</summary>
    public bool HasClaim { get; init; } = true;

    /// <summary>Earliest time to request devices; null for now.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Why it waits, or how it ended.</summary>
    public string? Text { get; init; }

    /// <summary>Why its previous attempt ended; null in the first.</summary>
    public string? ReturnedBecause { get; init; }

    /// <summary>When it first had devices; null before.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it ended for good; null before.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Seconds of its attempts that reported their end, times their devices.</summary>
    public double DeviceSeconds { get; init; }

    /// <summary>Results of the completed run, by name; null before.</summary>
    public IReadOnlyDictionary<string, double>? Figures { get; init; }

    [JsonIgnore]
    public bool IsOver => Status >= TrialStatus.Completed;

    [JsonIgnore]
    public bool IsStarted => Status is TrialStatus.Starting or TrialStatus.Running;
}
