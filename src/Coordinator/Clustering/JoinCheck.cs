using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Checks that the members of a cluster accept this process before its silo joins. Orleans would silently retry for minutes, and then
/// declare the members that reject it dead.
/// </summary>
internal static class JoinCheck
{
    /// <summary>A member that has been silent for longer may be gone, and its port reused.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(15);

    /// <exception cref="CoordinatorStartException">A member rejects this process; the message says why.</exception>
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
                $"The coordinator process {member.SiloName} of this run rejects this one: {refusal.Message}",
                refusal
            );
        }
        catch (Exception error) when (error is HandshakeException or SocketException or IOException or OperationCanceledException)
        {
            // Orleans handles members that do not answer.
        }
    }
}
