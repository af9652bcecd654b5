using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Security;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Watches a client's calls and, when one waits, probes which gateways still answer. Orleans' client leaves a gateway when its
/// connection breaks, which does not happen when a machine loses power. Once the client has left a silent gateway, waiting calls fail
/// and their callers repeat them.
/// </summary>
internal sealed class SilenceFilter(SeedGateways gateways, ClusterSecurity security, TimeProvider time)
    : IOutgoingGrainCallFilter,
        IDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1),
        ProbeLimit = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _end = new();

    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        var left = gateways.Left;
        var call = context.Invoke();
        await call.WaitAsync(Wait, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!call.IsCompleted)
        {
            // Some calls are held for long, so this proves nothing yet.
            _ = gateways.ProbeAsync(AnswersAsync, time, _end.Token);
            await Task.WhenAny(call, left);
        }

        if (!call.IsCompleted)
        {
            _ = call.ContinueWith(
                late => late.Exception,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously
            );
            throw new TimeoutException("A coordinator process does not answer; the call is repeated with another one.");
        }

        await call;
    }

    public void Dispose() => _end.Cancel();

    /// <summary>Completes a handshake, since the kernel accepts connections even for a suspended process.</summary>
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
