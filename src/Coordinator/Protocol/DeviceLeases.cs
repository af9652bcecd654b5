using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>The n-th try of a run, from 1. A later number fences an earlier one: what still arrives of that is ignored.</summary>
public sealed record RunAttempt(string Run, int Number);

/// <summary>A device as its node names it: "cuda:0", or "cpu:0" for a slot of CPU cores.</summary>
public sealed record PoolDevice(string Node, string Name)
{
    public override string ToString() => $"{Node}/{Name}";
}

/// <summary>All devices that a node has for the pool at present. A node repeats its offer every few seconds.</summary>
/// <param name="Node">Name of the node, unique in the pool.</param>
/// <param name="Host">Where the node runs.</param>
/// <param name="Incarnation">Grows with every process of this name, as its start time does. None of a predecessor's workers is
/// left.</param>
/// <param name="Devices">Names of the devices, each once.</param>
public sealed record NodeOffer(string Node, string Host, long Incarnation, IReadOnlyList<string> Devices);

/// <summary>A run's wish for devices, all of them or none.</summary>
/// <param name="Experiment">Who is told of the lease.</param>
public sealed record LeaseRequest(RunAttempt Attempt, string Experiment, int Devices);

/// <summary>Devices that one attempt of a run has to itself.</summary>
/// <param name="Epoch">
/// Grows with every lease of the pool. A node that is asked to start a worker on a device ends what an earlier epoch left there.
/// </param>
public sealed record Lease(long Epoch, LeaseRequest Request, IReadOnlyList<PoolDevice> Devices)
{
    /// <summary>
    /// Why the lease is void; null while it is good. A void one keeps the devices that are left until the run gives it back.
    /// </summary>
    public string? Revoked { get; init; }

    [JsonIgnore]
    public RunAttempt Attempt => Request.Attempt;
}

/// <summary>What a request has come to: a lease or, while there is none, the reason in words.</summary>
public sealed record LeaseAnswer(RunAttempt Attempt, Lease? Lease, string? Waiting);
