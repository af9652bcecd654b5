using System.Net;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Lists the gateways of the cluster for clients.</summary>
public interface IGatewaysGrain : IGrainWithIntegerKey
{
    /// <summary>Returns the gateways once they differ from those the caller knows, or after <see cref="GatewaysGrain.HoldFor"/>.</summary>
    /// <param name="known">Addresses (IP:PORT) of the previous answer; empty at first.</param>
    [ResponseTimeout("00:00:30")]
    Task<IReadOnlyList<string>> ListAsync(IReadOnlyList<string> known);
}

/// <summary>
/// Answers from the silo's cached copy of the membership table. Orleans' management grain would read the table for every call, of which
/// thousands of workers make many, and fails while the store is down.
/// </summary>
[StatelessWorker, Reentrant]
internal sealed class GatewaysGrain(MembershipStore store, IClusterMembershipService members, TimeProvider time) : Grain, IGatewaysGrain
{
    internal static readonly TimeSpan HoldFor = TimeSpan.FromSeconds(20);

    public async Task<IReadOnlyList<string>> ListAsync(IReadOnlyList<string> known)
    {
        using var limit = new CancellationTokenSource(HoldFor, time);
        try
        {
            await foreach (var snapshot in members.MembershipUpdates.WithCancellation(limit.Token))
            {
                if (await ReadAsync(snapshot) is var gateways && !gateways.SequenceEqual(known, StringComparer.Ordinal))
                {
                    return gateways;
                }
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            // Nothing has changed.
        }

        return known;
    }

    private async Task<IReadOnlyList<string>> ReadAsync(ClusterMembershipSnapshot snapshot)
    {
        var active = snapshot
            .Members.Values.Where(member => member.Status == SiloStatus.Active)
            .Select(member => member.SiloAddress)
            .ToHashSet();
        if (!active.IsSubsetOf(store.LastRead.Select(member => member.SiloAddress)))
        {
            await store.ReadAll();
        }

        return
        [
            .. store
                .LastRead.Where(member => member.ProxyPort > 0 && active.Contains(member.SiloAddress))
                .Select(member => new IPEndPoint(member.SiloAddress.Endpoint.Address, member.ProxyPort).ToString())
                .Order(StringComparer.Ordinal),
        ];
    }
}
