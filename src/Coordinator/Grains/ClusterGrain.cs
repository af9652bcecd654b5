using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Identifies a cluster to a client that knows only a coordinator's address. Its key is 0.</summary>
public interface IClusterGrain : IGrainWithIntegerKey
{
    /// <summary>Name of the run that the cluster hosts; null if it hosts a pool.</summary>
    [ResponseTimeout("00:00:08")]
    Task<string?> RunIdAsync();
}

/// <summary>Answers in the process that is asked.</summary>
[StatelessWorker]
public sealed class ClusterGrain(IServiceProvider services) : Grain, IClusterGrain
{
    public Task<string?> RunIdAsync() => Task.FromResult(services.GetService<IRunHosting>()?.RunId);
}
