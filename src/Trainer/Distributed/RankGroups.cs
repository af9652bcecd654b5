using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>Builds the process group of an assignment.</summary>
public static class RankGroups
{
    /// <summary>Meets the other ranks through the coordinator's store; alone it needs nobody.</summary>
    /// <param name="place">The place among them.</param>
    /// <param name="client">The way to the store.</param>
    /// <param name="address">The address of this machine at which the other ranks reach it.</param>
    /// <param name="cluster">Device and time-out.</param>
    /// <param name="withStatistics">Whether to connect <see cref="RankGroup.Statistics"/> too.</param>
    /// <param name="abort">Gives up, also in any later collective of the group.</param>
    /// <exception cref="DistributedException">A rank did not come, or <paramref name="abort"/> was cancelled.</exception>
    public static RankGroup Join(Assignment place, CoordinatorClient client, string address, ClusterOptions cluster, bool withStatistics, CancellationToken abort)
    {
        if (place.WorldSize == 1)
            return new RankGroup();
        // Connecting blocks inside the library and knows no cancellation: it waits on a thread of its own, which is left alone when given up.
        var connecting = Task.Factory.StartNew(() => Connect(place, client, address, cluster, withStatistics, abort), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return connecting.WaitAsync(abort).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException error)
        {
            _ = connecting.ContinueWith(late => late.Result.Abandon(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw new DistributedException($"The group of generation {place.Generation} was given up before all {place.WorldSize} ranks had met.", error) { Aborted = true };
        }
    }

    private static RankGroup Connect(Assignment place, CoordinatorClient client, string address, ClusterOptions cluster, bool withStatistics, CancellationToken abort)
    {
        // The groups keep the store alive as long as they need it.
        using var store = new distributed.CallbackStore(new CoordinatorStore(client, place.Generation, abort));
        var timeout = TimeSpan.FromSeconds(cluster.CollectiveTimeoutSeconds);
        var group = Open(store);
        try
        {
            if (!withStatistics)
                return new RankGroup(group, place.Rank, place.WorldSize, abort);
            using var prefixed = new distributed.PrefixStore("statistics", store);
            return new RankGroup(group, place.Rank, place.WorldSize, abort) { Statistics = new RankGroup(Open(prefixed), place.Rank, place.WorldSize, abort) };
        }
        catch
        {
            group.Abandon();
            throw;
        }

        distributed.ProcessGroup Open(distributed.Store at) => cluster.Device == "cpu"
            ? distributed.ProcessGroup.Gloo(at, place.Rank, place.WorldSize, address, timeout)
            : distributed.ProcessGroup.Nccl(at, place.Rank, place.WorldSize, timeout);
    }
}
