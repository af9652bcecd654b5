using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Orleans;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Asks the members of a cluster, before a silo joins, whether they would let it in. Orleans would retry for minutes without
/// a word, and then take those who refuse it for dead.
/// </summary>
internal static class JoinCheck
{
    /// <summary>A member that has been silent for longer may be gone, and its port another's.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(15);

    /// <exception cref="CoordinatorStartException">A member refuses this process; the message says why.</exception>
    public static async Task RunAsync(MembershipTableData table, ClusterSecurity security, TimeProvider time)
    {
        var since = (time.GetUtcNow() - Recent).UtcDateTime;
        await Task.WhenAll(
            table
                .Members.Select(member => member.Item1)
                .Where(member => member.Status == SiloStatus.Active && member.IAmAliveTime >= since)
                .Select(member => AskAsync(member, security))
        );
    }

    private static async Task AskAsync(MembershipEntry member, ClusterSecurity security)
    {
        try
        {
            await ConnectionProbe.RunAsync(member.SiloAddress.Endpoint, security, SecuredConnections.Limit, CancellationToken.None);
        }
        catch (HandshakeException refusal) when (refusal.IsFinal)
        {
            throw new CoordinatorStartException(
                $"The coordinator process {member.SiloName} of this run does not let this one in: {refusal.Message}",
                refusal
            );
        }
        catch (Exception error) when (error is HandshakeException or SocketException or IOException or OperationCanceledException)
        {
            // One that does not answer is Orleans' business.
        }
    }
}
