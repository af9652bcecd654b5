using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>A pool of devices of one kind, which runs share. Changed by <see cref="Rules.PoolMachine"/> alone.</summary>
public sealed record PoolState
{
    /// <summary>How often the pool has been taken over.</summary>
    public long Epoch { get; init; }

    /// <summary>In natural order of their names.</summary>
    public IReadOnlyList<PoolNode> Nodes { get; init; } = [];

    /// <summary>In the order in which they were granted.</summary>
    public IReadOnlyList<Lease> Leases { get; init; } = [];

    /// <summary>Requests that wait, in the order in which they will be served.</summary>
    public IReadOnlyList<QueuedRequest> Queue { get; init; } = [];

    /// <summary>Epoch of the newest lease.</summary>
    public long LastLease { get; init; }

    /// <summary>The largest number of devices that the pool ever had at once.</summary>
    public int MostDevices { get; init; }

    /// <summary>When the pool last looked at its clock of its own accord.</summary>
    public DateTimeOffset LastTick { get; init; }

    /// <summary>Number of devices, leased and free.</summary>
    public int CountDevices() => Nodes.Sum(node => node.Offer.Devices.Count);

    /// <summary>Free devices by node, in the order of the offers. Nodes without one are left out.</summary>
    public IReadOnlyList<IReadOnlyList<PoolDevice>> FreeDevices()
    {
        var leased = Leases.SelectMany(lease => lease.Devices).ToHashSet();
        return [.. Nodes.Select(node => node.Devices.Where(device => !leased.Contains(device)).ToArray()).Where(free => free.Length > 0)];
    }
}

/// <summary>A node that offers devices.</summary>
/// <param name="LastHeard">Time of its last offer.</param>
public sealed record PoolNode(NodeOffer Offer, DateTimeOffset LastHeard)
{
    internal IEnumerable<PoolDevice> Devices => Offer.Devices.Select(name => new PoolDevice(Offer.Node, name));
}

/// <summary>A request that waits.</summary>
/// <param name="Round">Requests are served by rounds, in which each experiment has its turn.</param>
public sealed record QueuedRequest(LeaseRequest Request, long Round);
