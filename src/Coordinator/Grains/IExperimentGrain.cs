using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Many runs on one pool; its key is the experiment's name. Every call may be repeated without harm.</summary>
public interface IExperimentGrain : IGrainWithStringKey
{
    /// <summary>Adds the trials that are new. They are safe when this returns.</summary>
    /// <exception cref="ArgumentException">The submission contradicts itself or what was submitted before.</exception>
    Task SubmitAsync(ExperimentSpec spec);

    /// <summary>Stops all trials that are not over.</summary>
    /// <param name="by">Who asks for it, in words.</param>
    Task CancelAsync(string by);

    Task<ExperimentState> StateAsync();

    /// <summary>The pool has granted or revoked these leases. Losing it loses nothing: the pool repeats it.</summary>
    [OneWay]
    Task LeasesChangedAsync(Lease[] leases);

    /// <summary>A run is over. To be repeated until it returns.</summary>
    Task RunEndedAsync(TrialEnd end);
}

/// <summary>Starts and stops the runs of experiments. A failed call is repeated; one that is late may come after a later one.</summary>
public interface IRunLauncher
{
    /// <summary>
    /// Starts an attempt, once however often it is asked; never after its stop or a later attempt. The run's end is told by
    /// <see cref="IExperimentGrain.RunEndedAsync"/>, also that of a run that could not be started because its file is wrong.
    /// </summary>
    Task StartAsync(TrialStart start);

    /// <summary>Stops an attempt. When this returns, no process of it is left on any node that can be reached.</summary>
    /// <returns>How it ended, which may have been by itself just before: a run that completed must not be run again.</returns>
    Task<TrialEnd> StopAsync(RunAttempt attempt);
}
