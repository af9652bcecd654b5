using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Trainer.Distributed;

/// <summary>Network address and compute device of a rank.</summary>
/// <param name="Address">Address at which the other ranks reach this one.</param>
/// <param name="Device">Compute device: the CPU, or a GPU that no other rank uses.</param>
public sealed record RankEndpoint(string Address, torch.Device Device);

/// <summary>Builds the process group of an assignment.</summary>
public static class RankGroups
{
    /// <summary>Connects to the other ranks through the coordinator's store. A single rank needs no connection.</summary>
    /// <param name="assignment">Assignment of this rank.</param>
    /// <param name="client">Client for the coordinator, which hosts the store.</param>
    /// <param name="own">Address and device of this rank.</param>
    /// <param name="cluster">Cluster options, for the collective timeout.</param>
    /// <param name="withStatistics">True to also connect <see cref="RankGroup.Statistics"/>.</param>
    /// <param name="abort">Aborts connecting, and any later collective of the group.</param>
    /// <exception cref="DistributedException">A rank did not connect, or <paramref name="abort"/> was cancelled.</exception>
    public static RankGroup Join(
        Assignment assignment,
        CoordinatorClient client,
        RankEndpoint own,
        ClusterOptions cluster,
        bool withStatistics,
        CancellationToken abort
    )
    {
        if (assignment.WorldSize == 1)
        {
            return new RankGroup();
        }
        // Connecting blocks inside the library and cannot be cancelled. It runs on a separate thread, which is abandoned on abort.
        var connecting = Task.Factory.StartNew(Connect, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return connecting.WaitAsync(abort).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException error)
        {
            _ = connecting.ContinueWith(
                late => late.Result.Abandon(),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default
            );
            throw new DistributedException(
                $"The group of generation {assignment.Generation} was aborted before all {assignment.WorldSize} ranks had connected.",
                error
            )
            {
                Aborted = true,
            };
        }

        RankGroup Connect()
        {
            var store = new CoordinatorStore(client, assignment.Generation, abort);
            var timeout = TimeSpan.FromSeconds(cluster.CollectiveTimeoutSeconds);
            var group = Open(store);
            try
            {
                if (!withStatistics)
                {
                    return new RankGroup(group, assignment.Rank, assignment.WorldSize, abort);
                }

                var statistics = Open(new PrefixStore("statistics", store));
                return new RankGroup(group, assignment.Rank, assignment.WorldSize, abort)
                {
                    Statistics = new RankGroup(statistics, assignment.Rank, assignment.WorldSize, abort),
                };
            }
            catch
            {
                group.Abandon();
                throw;
            }

            ProcessGroup Open(IStoreBackend at) =>
                own.Device.type == DeviceType.CUDA
                    ? ProcessGroup.Nccl(at, assignment.Rank, assignment.WorldSize, Math.Max(0, own.Device.index), timeout)
                    : ProcessGroup.Gloo(at, assignment.Rank, assignment.WorldSize, own.Address, timeout);
        }
    }
}

/// <summary>
/// The key-value store through which the ranks of a generation find each other, hosted by the coordinator. Rendezvous therefore
/// uses the coordinator's token and encryption, needs no separate port, and ends with the generation.
/// </summary>
public sealed class CoordinatorStore(CoordinatorClient client, int generation, CancellationToken abort) : IStoreBackend
{
    public void Set(string key, ReadOnlySpan<byte> value) => Call(StoreOp.Set, key, value.ToArray());

    public byte[] Get(string key, TimeSpan timeout) =>
        Call(StoreOp.Get, key, timeout: timeout).Value ?? throw new InvalidDataException($"The coordinator returned no value for '{key}'.");

    private StoreAnswer Call(StoreOp op, string key, byte[]? value = null, TimeSpan? timeout = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(abort);
        if (timeout is { } time)
        {
            limit.CancelAfter(time);
        }

        return client.StoreAsync(new StoreRequest(client.WorkerId, generation, op, key, value), limit.Token).GetAwaiter().GetResult();
    }
}
