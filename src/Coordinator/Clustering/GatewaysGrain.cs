using System.Net;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Tells clients the gateways of the cluster.</summary>
public interface IGatewaysGrain : IGrainWithIntegerKey
{
    /// <returns>Addresses in the form IP:PORT.</returns>
    [ResponseTimeout("00:00:03")]
    Task<IReadOnlyList<string>> ListAsync();
}

/// <summary>
/// Answers from what this silo has read of the membership table anyway. Orleans' management grain would read the table for
/// every question, of which thousands of workers have many, and knows nothing while the store is down.
/// </summary>
[StatelessWorker]
internal sealed class GatewaysGrain(MembershipStore store, IClusterMembershipService members) : Grain, IGatewaysGrain
{
    public async Task<IReadOnlyList<string>> ListAsync()
    {
        var active = members.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => member.SiloAddress).ToHashSet();
        if (!active.IsSubsetOf(store.LastRead.Select(member => member.SiloAddress)))
        {
            await store.ReadAll();
        }

        return [.. store.LastRead
            .Where(member => member.ProxyPort > 0 && active.Contains(member.SiloAddress))
            .Select(member => new IPEndPoint(member.SiloAddress.Endpoint.Address, member.ProxyPort).ToString())];
    }
}
