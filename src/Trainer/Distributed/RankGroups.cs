using ClipTrain.Coordinator.Core;
using ClipTrain.Trainer.Config;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>Builds the process group of an assignment.</summary>
public static class RankGroups
{
    private static readonly TimeSpan StoreTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Meets the other ranks through the store that the assignment names; alone it needs nobody.</summary>
    public static RankGroup Join(Assignment place, ClusterOptions cluster)
    {
        if (place.WorldSize == 1)
            return new RankGroup();
        // The group keeps the stores alive as long as it needs them.
        using var store = new distributed.TCPStore(place.StoreHost, place.StorePort, isServer: false, StoreTimeout);
        using var prefix = new distributed.PrefixStore(place.StorePrefix, store);
        var timeout = TimeSpan.FromSeconds(cluster.CollectiveTimeoutSeconds);
        var group = cluster.Device == "cpu"
            ? distributed.ProcessGroup.Gloo(prefix, place.Rank, place.WorldSize, place.StoreHost, timeout)
            : distributed.ProcessGroup.Nccl(prefix, place.Rank, place.WorldSize, timeout);
        return new RankGroup(group, place.Rank, place.WorldSize);
    }
}
