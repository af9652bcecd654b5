using ClipTrain.Torch.Collectives;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>
/// A group whose last rank joins and then enters no collective until the others are done. Its timeout is long, so only an abort ends a
/// wait.
/// </summary>
internal static class HungPeer
{
    /// <summary>Runs <paramref name="body"/> on every rank but the last, over a store that it may make other groups with.</summary>
    public static void Run(int worldSize, Action<ProcessGroup, IStoreBackend> body)
    {
        using var done = new CountdownEvent(worldSize - 1);
        Ranks.Run(
            worldSize,
            (rank, store) =>
            {
                using var scope = NewDisposeScope();
                var prefixed = new PrefixStore("hung", store);
                var group = ProcessGroup.Gloo(prefixed, rank, worldSize, Ranks.Loopback, Ranks.Patience);
                if (rank == worldSize - 1)
                {
                    done.Wait();
                    group.Dispose();
                    return;
                }

                try
                {
                    body(group, store);
                }
                finally
                {
                    group.Abandon();
                    done.Signal();
                }
            }
        );
    }
}
