using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Security;
using Orleans;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Watches a client's calls: when one is not answered in time, looks which of the gateways still answer. Orleans' client leaves
/// a gateway when its connection breaks, and the connection to a machine without power does not.
/// </summary>
internal sealed class SilenceFilter(SeedGateways gateways, ClusterSecurity security, TimeProvider time) : IOutgoingGrainCallFilter, IDisposable
{
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _end = new();

    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        try
        {
            await context.Invoke();
        }
        catch (TimeoutException)
        {
            _ = gateways.ProbeAsync(AnswersAsync, time, _end.Token);
            throw;
        }
    }

    public void Dispose() => _end.Cancel();

    /// <summary>The kernel accepts connections for a process that is stopped: only the handshake shows that it lives.</summary>
    private async Task<bool> AnswersAsync(IPEndPoint gateway)
    {
        try
        {
            await ConnectionProbe.RunAsync(gateway, security, ProbeLimit, _end.Token);
            return true;
        }
        catch (Exception error) when (error is SocketException or IOException or HandshakeException or OperationCanceledException)
        {
            return false;
        }
    }
}
