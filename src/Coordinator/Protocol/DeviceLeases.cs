using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>An attempt at a run, numbered from 1. A later attempt fences off an earlier one, whose late messages are ignored.</summary>
public sealed record RunAttempt(string Run, int Number);

/// <summary>A device as its node names it: "cuda:0", or "cpu:0" for a slot of CPU cores.</summary>
public sealed record PoolDevice(string Node, string Name)
{
    public override string ToString() => $"{Node}/{Name}";
}

/// <summary>All devices that a node currently offers to the pool. A node repeats its offer every few seconds.</summary>
/// <param name="Node">Name of the node, unique in the pool.</param>
/// <param name="Host">Where the node runs.</param>
/// <param name="Incarnation">Increases with each process of this name, as its start time does. A process that starts offers its devices
/// once no trial of an earlier process is left on its machine.</param>
/// <param name="Devices">Device names, without duplicates.</param>
public sealed record NodeOffer(string Node, string Host, long Incarnation, IReadOnlyList<string> Devices);

/// <summary>A run's request for devices, granted in full or not at all.</summary>
/// <param name="Experiment">The experiment to notify.</param>
public sealed record LeaseRequest(RunAttempt Attempt, string Experiment, int Devices)
{
    /// <summary>Number of devices of each worker, which must be on the same node. A divisor of <see cref="Devices"/>.</summary>
    public int DevicesPerWorker { get; init; } = 1;
}

/// <summary>Devices reserved for one attempt of a run.</summary>
/// <param name="Number">
/// Increases with every lease of the pool. A node that starts a worker on a device first ends what an earlier lease left there.
/// </param>
public sealed record Lease([property: JsonPropertyName("epoch")] long Number, LeaseRequest Request, IReadOnlyList<PoolDevice> Devices)
{
    /// <summary>
    /// Reason why the lease is void; null while it is valid. A void lease keeps its remaining devices until the run returns it.
    /// </summary>
    public string? Revoked { get; init; }

    [JsonIgnore]
    public RunAttempt Attempt => Request.Attempt;

    /// <summary>The nodes of the devices. The first one hosts the run's coordinator.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Nodes => [.. Devices.Select(device => device.Node).Distinct(StringComparer.Ordinal)];

    /// <summary>The devices by node, such as "a, cpu:0, cpu:1; b, cpu:0".</summary>
    public string Describe() => string.Join("; ", Nodes.Select(node => $"{node}, {string.Join(", ", DevicesOf(node))}"));

    /// <summary>Names of the devices on a node.</summary>
    public IReadOnlyList<string> DevicesOf(string node) => [.. Devices.Where(device => device.Node == node).Select(device => device.Name)];
}

/// <summary>The result of a request: a lease, or the reason for waiting.</summary>
public sealed record LeaseAnswer(RunAttempt Attempt, Lease? Lease, string? Waiting);

/// <summary>One run of an experiment.</summary>
/// <param name="Id">Name of the trial, unique in its experiment.</param>
/// <param name="RunFile">The run's YAML file, on a file system that all nodes share.</param>
/// <param name="Devices">Number of devices that the run needs at the same time.</param>
public sealed record TrialSpec(string Id, string RunFile, int Devices)
{
    /// <summary>Folder on the shared file system that relative paths of the run file start from.</summary>
    public string Directory { get; init; } = "";

    /// <summary>Number of devices of each worker, which must be on the same node. A divisor of <see cref="Devices"/>.</summary>
    public int DevicesPerWorker { get; init; } = 1;

    /// <summary>Number of own failures after which the trial has failed.</summary>
    public int MaxAttempts { get; init; } = 1;

    /// <summary>Number of times that a trial is restarted after losing its devices. After more losses it is probably the cause.</summary>
    public int MaxDeviceLosses { get; init; } = 10;
}

/// <summary>Request to start one attempt of a trial's run on leased devices.</summary>
/// <param name="Experiment">The experiment to notify when the run ends.</param>
public sealed record TrialStart(RunAttempt Attempt, string Experiment, TrialSpec Trial, Lease Lease);

/// <summary>The end of an attempt, none of whose processes is left.</summary>
/// <param name="Text">The reason, unless it completed.</param>
public sealed record TrialEnd(RunAttempt Attempt, TrialEndKind Kind, string? Text = null)
{
    /// <summary>Results of a completed run, by name; null if it has none.</summary>
    public IReadOnlyDictionary<string, double>? Figures { get; init; }

    /// <summary>Duration of the attempt in seconds, times its devices.</summary>
    public double DeviceSeconds { get; init; }
}

public enum TrialEndKind
{
    Completed,

    /// <summary>The run itself failed.</summary>
    Failed,

    /// <summary>The loss or a gradient was not finite.</summary>
    Diverged,

    /// <summary>The run was stopped on request.</summary>
    Stopped,

    /// <summary>Too many of its workers disappeared, which does not count as a failure of the run.</summary>
    DevicesLost,
}
