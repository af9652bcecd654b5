using System.Net;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Security;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Runs;

/// <summary>The Orleans cluster of a run.</summary>
public static class RunCluster
{
    /// <summary>Where its members find each other.</summary>
    public static ClusterIdentity Of(RunFiles files, RunOptions options) => new(
        $"cliptrain-{options.Name}", Path.GetFullPath(files.Cluster), options.Cluster.Clustering, options.Cluster.ClusteringConnection);

    /// <summary>How a coordinator's process listens.</summary>
    public static SiloEndpoint Endpoint(string name, HostingOptions hosting) => new(
        name, hosting.Listen.Address, Advertised(hosting), hosting.Listen.Port, hosting.Listen.Port == 0 ? 0 : hosting.Listen.Port + 1);

    /// <summary>True when a coordinator of this machine has the run.</summary>
    public static bool IsServed(RunFiles files) => RunLock.IsHeld(files.CoordinatorLock);
}
