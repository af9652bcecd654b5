using System.Net;
using Orleans.Messaging;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Tells clients that see the run directory which coordinator processes there are, from <see cref="FileMembershipTable"/>.
/// </summary>
/// <param name="identity">Names the folder.</param>
public sealed class FileGatewayListProvider(ClusterIdentity identity) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => TimeSpan.FromSeconds(1);

#pragma warning disable CS0618 // Obsolete, and part of the interface.
    public bool IsUpdatable => true;
#pragma warning restore CS0618

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    /// <exception cref="InvalidDataException">The table of members is damaged.</exception>
    public Task<IList<Uri>> GetGateways() =>
        Task.FromResult<IList<Uri>>([
            .. FileMembershipTable
                .Read(FileMembershipTable.MembersOf(identity))
                .Rows.Where(row => row.Status == nameof(SiloStatus.Active) && row.GatewayPort > 0)
                .Select(row => (SiloAddress.FromParsableString(row.Silo).Endpoint.Address, row.GatewayPort))
                .Select(gateway => SiloAddress.New(new IPEndPoint(gateway.Address, gateway.GatewayPort), 0).ToGatewayUri()),
        ]);
}
