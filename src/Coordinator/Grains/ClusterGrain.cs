using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Identifies a cluster to a client that knows only a coordinator's address. Its key is 0.</summary>
public interface IClusterGrain : IGrainWithIntegerKey
{
    /// <summary>Name of the run that the cluster hosts; null if it hosts a pool.</summary>
    [ResponseTimeout("00:00:08")]
    Task<string?> RunIdAsync();

    /// <summary>Build of the process that hosts the pool; null in the cluster of a run, whose workers compare builds when they join.</summary>
    [ResponseTimeout("00:00:08")]
    Task<string?> PoolBuildAsync();
}

/// <summary>The build of a process that hosts a pool.</summary>
/// <param name="CodeVersion">Equal in processes of the same build.</param>
public sealed record PoolBuild(string CodeVersion);

/// <summary>Answers in the process that is asked.</summary>
[StatelessWorker]
public sealed class ClusterGrain(IServiceProvider services) : Grain, IClusterGrain
{
    public Task<string?> RunIdAsync() => Task.FromResult(services.GetService<IRunHosting>()?.RunId);

    public Task<string?> PoolBuildAsync() => Task.FromResult(services.GetService<PoolBuild>()?.CodeVersion);
}
