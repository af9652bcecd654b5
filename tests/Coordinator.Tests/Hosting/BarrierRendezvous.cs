using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>
/// A store with one collective: every worker sends a byte and all get the greatest. When a worker goes, the others'
/// connections break, as those of a process group do.
/// </summary>
internal sealed class BarrierRendezvous(int worldSize) : IRendezvous
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private Task _serving = Task.CompletedTask;

    public Task<(string Host, int Port)> StartAsync(CancellationToken cancellationToken)
    {
        _listener.Start();
        _serving = ServeAsync();
        return Task.FromResult(("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port));
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ServeAsync()
    {
        var workers = new List<TcpClient>();
        try
        {
            while (workers.Count < worldSize)
            {
                workers.Add(await _listener.AcceptTcpClientAsync());
            }

            var sent = new byte[1];
            while (true)
            {
                byte greatest = 0;
                foreach (var worker in workers)
                {
                    await worker.GetStream().ReadExactlyAsync(sent);
                    greatest = Math.Max(greatest, sent[0]);
                }

                foreach (var worker in workers)
                {
                    await worker.GetStream().WriteAsync(new[] { greatest });
                }
            }
        }
        catch (IOException)
        {
            // A worker has gone.
        }
        finally
        {
            workers.ForEach(worker => worker.Dispose());
        }
    }
}
