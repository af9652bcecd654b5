using System.Net;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Tests;
using ClipTrain.Trainer.Distributed;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests;

/// <summary>Runs the same code on several ranks in one process, each with its own thread and connection.</summary>
internal static class Ranks
{
    /// <summary>A timeout that only a hang exceeds, even on the busiest machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Returns once every rank has called it.</summary>
    public static void Barrier(this RankGroup group) => group.AllGather([0L]);

    /// <param name="worldSize">Number of ranks.</param>
    /// <param name="body">Code of each rank.</param>
    /// <param name="withStatistics">True if the groups have <see cref="RankGroup.Statistics"/>.</param>
    /// <param name="staysTogether">True if the ranks end together; false if some are lost.</param>
    /// <param name="abort">Abort token of the groups.</param>
    public static T[] Run<T>(
        int worldSize,
        Func<RankGroup, T> body,
        bool withStatistics = false,
        bool staysTogether = true,
        CancellationToken abort = default
    )
    {
        if (worldSize == 1)
        {
            using var alone = new RankGroup();
            return [body(alone)];
        }

        var host = IPAddress.Loopback.ToString();
        var store = new MemoryStore();
        var tasks = Enumerable
            .Range(0, worldSize)
            .Select(rank =>
                Task.Factory.StartNew(
                    () =>
                    {
                        RankGroup Open(string name, RankGroup? statistics = null) =>
                            new(ProcessGroup.Gloo(new PrefixStore(name, store), rank, worldSize, host, Patience), rank, worldSize, abort)
                            {
                                Statistics = statistics,
                            };

                        using var group = Open("test", withStatistics ? Open("statistics") : null);
                        // Never disposed: tensors outside any scope may be finalised while libtorch still reads them. The scope
                        // ends with its thread.
                        _ = NewDisposeScope();
                        var result = body(group);
                        if (staysTogether)
                        {
                            group.Barrier();
                        }

                        return result;
                    },
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default
                )
            )
            .ToArray();
        return [.. Task.WhenAll(tasks).GetAwaiter().GetResult()];
    }
}
