using System.Net;
using ClipTrain.Torch;
using ClipTrain.Trainer.Distributed;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Tests;

/// <summary>Runs the same code on several ranks of one process, each with its own thread and connection.</summary>
internal static class Ranks
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    public static T[] Run<T>(int worldSize, Func<RankGroup, T> body)
    {
        if (worldSize == 1)
        {
            using var alone = new RankGroup();
            return [body(alone)];
        }

        var host = IPAddress.Loopback.ToString();
        using var server = new distributed.TCPStore(host, 0, isServer: true, Timeout);
        var tasks = Enumerable.Range(0, worldSize).Select(rank => Task.Factory.StartNew(
            () =>
            {
                using var store = new distributed.TCPStore(host, server.Port, isServer: false, Timeout);
                using var prefix = new distributed.PrefixStore("test", store);
                using var group = new RankGroup(distributed.ProcessGroup.Gloo(prefix, rank, worldSize, host, Timeout), rank, worldSize);
                var result = body(group);
                group.Barrier();
                return result;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)).ToArray();
        return [.. Task.WhenAll(tasks).GetAwaiter().GetResult()];
    }
}
