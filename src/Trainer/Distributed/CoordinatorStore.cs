using System.Text;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Torch.Collectives;

namespace ClipTrain.Trainer.Distributed;

/// <summary>
/// The key-value store through which the ranks of a generation find each other, kept by the coordinator. So rendezvous has
/// the coordinator's token and encryption, needs no port of its own, and ends when the generation is over.
/// </summary>
public sealed class CoordinatorStore(CoordinatorClient client, int generation, CancellationToken abort) : IStoreBackend
{
    public void Set(string key, ReadOnlySpan<byte> value) => Call(StoreOp.Set, key, value.ToArray());

    public byte[] Get(string key, TimeSpan timeout) =>
        Call(StoreOp.Get, key, timeout: timeout).Value
        ?? throw new InvalidDataException($"The coordinator answered without a value for '{key}'.");

    private StoreAnswer Call(StoreOp op, string key, byte[]? value = null, TimeSpan? timeout = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(abort);
        if (timeout is { } time)
            limit.CancelAfter(time);
        return client.StoreAsync(new StoreRequest(client.WorkerId, generation, op, key, value), limit.Token).GetAwaiter().GetResult();
    }
}
