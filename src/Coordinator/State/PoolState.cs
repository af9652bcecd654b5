using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>State of a pool of devices of one kind that runs share. Only <see cref="Rules.PoolMachine"/> changes it.</summary>
public sealed record PoolState
{
    /// <summary>Number of takeovers of the pool.</summary>
    [JsonPropertyName("epoch")]
    public long Term { get; init; }

    /// <summary>In natural order of their names.</summary>
    public IReadOnlyList<PoolNode> Nodes { get; init; } = [];

    /// <summary>Nodes that have left a short while ago: their last offers may still arrive.</summary>
    public IReadOnlyList<DepartedNode> Departed { get; init; } = [];

    /// <summary>In the order of granting.</summary>
    public IReadOnlyList<Lease> Leases { get; init; } = [];

    /// <summary>Waiting requests, in the order of service.</summary>
    public IReadOnlyList<QueuedRequest> Queue { get; init; } = [];

    /// <summary>Names of the experiments that have requested devices and whose states are stored.</summary>
    public IReadOnlyList<string> Experiments { get; init; } = [];

    /// <summary>Number of the newest lease.</summary>
    public long LastLease { get; init; }

    /// <summary>The largest number of devices that the pool has had at once.</summary>
    public int MostDevices { get; init; }

    /// <summary>Time of the last tick.</summary>
    public DateTimeOffset LastTick { get; init; }

    /// <summary>Number of devices, leased and free.</summary>
    public int CountDevices() => Nodes.Sum(node => node.Offer.Devices.Count);

    /// <summary>Number of devices of the node that has most, leased and free.</summary>
    [JsonIgnore]
    public int LargestNode => Nodes.Select(node => node.Offer.Devices.Count).DefaultIfEmpty(0).Max();

    /// <summary>
    /// Number of devices of a request that must be on the same node: all of them if a node of the pool has as many, otherwise those of
    /// each worker.
    /// </summary>
    public int Together(int devices, int devicesPerWorker) => LargestNode >= devices ? devices : devicesPerWorker;

    /// <summary>True if the pool has room for a request when nothing else runs.</summary>
    public bool HasRoom(int devices, int devicesPerWorker)
    {
        var together = Together(devices, devicesPerWorker);
        return Nodes.Sum(node => node.Offer.Devices.Count / together * together) >= devices;
    }

    /// <summary>Free devices by node, in the order of the offers. Nodes without free devices are omitted.</summary>
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

/// <summary>A process of a node that has left the pool.</summary>
/// <param name="Node">Name of the node.</param>
/// <param name="Incarnation">Its process; earlier ones have left, too.</param>
/// <param name="Left">When it left.</param>
public sealed record DepartedNode(string Node, long Incarnation, DateTimeOffset Left);

/// <summary>A waiting request.</summary>
/// <param name="Round">Requests are served in rounds, in which each experiment has one turn.</param>
public sealed record QueuedRequest(LeaseRequest Request, long Round)
{
    [JsonIgnore]
    public RunAttempt Attempt => Request.Attempt;
}
