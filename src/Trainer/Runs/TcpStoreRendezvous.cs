using System.Net;
using ClipTrain.Coordinator.Hosting;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Runs;

/// <summary>The rendezvous store of a run, a c10d TCPStore that lives with the coordinator.</summary>
public sealed class TcpStoreRendezvous : IRendezvous
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private distributed.TCPStore? _store;

    public Task<(string Host, int Port)> StartAsync(CancellationToken cancellationToken)
    {
        var host = IPAddress.Loopback.ToString();
        _store = new distributed.TCPStore(host, 0, isServer: true, Timeout);
        return Task.FromResult((host, _store.Port));
    }

    public ValueTask DisposeAsync()
    {
        _store?.Dispose();
        return ValueTask.CompletedTask;
    }
}
