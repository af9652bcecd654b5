using System.Runtime.ExceptionServices;
using ClipTrain.Torch.Collectives;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>The ranks of a group as threads of this process, each with its own group over the same store.</summary>
internal static class Ranks
{
    /// <summary>A timeout that only a hang exceeds, even on the busiest machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public const string Loopback = "127.0.0.1";

    /// <summary>
    /// Runs <paramref name="body"/> as every rank of one group; the first exception is thrown here. No rank leaves before all have
    /// finished, because a rank that is still connecting would see its peer's connection close.
    /// </summary>
    public static void Run(int worldSize, Action<ProcessGroup> body) =>
        Run(
            worldSize,
            (rank, store) =>
            {
                using var scope = NewDisposeScope();
                using var group = ProcessGroup.Gloo(store, rank, worldSize, Loopback, Patience);
                body(group);
                group.AllReduce(zeros([1])).Wait();
            }
        );

    public static void Run(int worldSize, Action<int, IStoreBackend> body)
    {
        var shared = new MemoryStore();
        var errors = new ExceptionDispatchInfo?[worldSize];
        Thread[] threads =
        [
            .. Enumerable
                .Range(0, worldSize)
                .Select(rank => new Thread(() =>
                {
                    try
                    {
                        body(rank, shared);
                    }
                    catch (Exception e)
                    {
                        errors[rank] = ExceptionDispatchInfo.Capture(e);
                    }
                })),
        ];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Array.Find(errors, e => e is not null)?.Throw();
    }
}
