using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>State of a node of a pool. Only <see cref="Rules.NodeTrials"/> changes it.</summary>
public sealed record PoolNodeState
{
    /// <summary>Number of takeovers of the node's grain.</summary>
    public long Term { get; init; }

    /// <summary>The newest process of the node; 0 before the first.</summary>
    public long Incarnation { get; init; }

    /// <summary>The newest trial of each device. An ended one remains until a later lease takes one of its devices.</summary>
    public IReadOnlyList<NodeTrial> Trials { get; init; } = [];
}

/// <summary>A trial of a node.</summary>
/// <param name="Lease">Its devices.</param>
/// <param name="Start">Null if it was stopped before it was started.</param>
/// <param name="Incarnation">The process of the node that it was given to.</param>
public sealed record NodeTrial(Lease Lease, TrialStart? Start, long Incarnation)
{
    /// <summary>True if it should not run, or no longer.</summary>
    public bool IsStopped { get; init; }

    /// <summary>Null until it has ended.</summary>
    public TrialEnd? End { get; init; }
}
