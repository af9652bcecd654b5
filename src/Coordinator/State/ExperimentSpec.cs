namespace ClipTrain.Coordinator.State;

/// <summary>Runs that belong together and share a pool of devices.</summary>
/// <param name="Name">Name of the experiment. Its runs are NAME/TRIAL.</param>
/// <param name="Pool">Name of the pool.</param>
/// <param name="Trials">In the order in which they are to be started.</param>
public sealed record ExperimentSpec(string Name, string Pool, IReadOnlyList<TrialSpec> Trials)
{
    /// <summary>The first trial that has failed for good ends the experiment. One that diverged does not: that is a result.</summary>
    public bool FailFast { get; init; }
}

/// <summary>One run of an experiment.</summary>
/// <param name="Id">Name of the trial, unique in its experiment.</param>
/// <param name="RunFile">The YAML file of the run, on a file system that every node shares.</param>
/// <param name="Devices">Number of devices that the run needs, all at once.</param>
public sealed record TrialSpec(string Id, string RunFile, int Devices)
{
    /// <summary>The trial has failed when it has failed by itself this often.</summary>
    public int MaxAttempts { get; init; } = 1;

    /// <summary>A trial whose devices are lost is started again, this often: beyond it, it is more likely the cause.</summary>
    public int MaxDeviceLosses { get; init; } = 10;
}
