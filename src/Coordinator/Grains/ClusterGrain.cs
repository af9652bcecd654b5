using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Identifies a cluster to a client that knows only a coordinator's address. Its key is 0.</summary>
public interface IClusterGrain : IGrainWithIntegerKey
{
    /// <summary>Name of the run that the cluster hosts.</summary>
    [ResponseTimeout("00:00:08")]
    Task<string> RunIdAsync();
}

/// <summary>Answers in the process that is asked.</summary>
[StatelessWorker]
public sealed class ClusterGrain(IRunHosting hosting) : Grain, IClusterGrain
{
    public Task<string> RunIdAsync() => Task.FromResult(hosting.RunId);
}
