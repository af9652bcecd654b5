using System.Net;
using ClipTrain.Torch;
using ClipTrain.Trainer.Distributed;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Tests;

/// <summary>Runs the same code on several ranks of one process, each with its own thread and connection.</summary>
internal static class Ranks
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    /// <param name="worldSize">How many.</param>
    /// <param name="body">What each does.</param>
    /// <param name="withStatistics">Whether the groups have <see cref="RankGroup.Statistics"/>.</param>
    /// <param name="staysTogether">Whether the ranks end together; otherwise some are lost.</param>
    /// <param name="abort">The groups'.</param>
    public static T[] Run<T>(int worldSize, Func<RankGroup, T> body, bool withStatistics = false, bool staysTogether = true, CancellationToken abort = default)
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
                RankGroup Open(string name, RankGroup? statistics = null)
                {
                    using var prefix = new distributed.PrefixStore(name, store);
                    return new RankGroup(distributed.ProcessGroup.Gloo(prefix, rank, worldSize, host, Timeout), rank, worldSize, abort) { Statistics = statistics };
                }

                using var group = Open("test", withStatistics ? Open("statistics") : null);
                var result = body(group);
                if (staysTogether)
                    group.Barrier();
                return result;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)).ToArray();
        return [.. Task.WhenAll(tasks).GetAwaiter().GetResult()];
    }
}
