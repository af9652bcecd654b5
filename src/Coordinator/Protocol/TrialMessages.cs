namespace ClipTrain.Coordinator.Protocol;

/// <summary>A node's part of an exchange about the trials that it runs for a pool.</summary>
/// <param name="Pool">Name of the pool.</param>
/// <param name="Offer">Its devices.</param>
/// <param name="Term">Term of the activation that gave the last orders; 0 before the first.</param>
/// <param name="Known">Lease numbers of those orders; of a node that leaves, those of the trials whose end it has yet to report.</param>
public sealed record TrialReport(string Pool, NodeOffer Offer, long Term, IReadOnlyList<long> Known)
{
    /// <summary>True while the trials of a node that leaves are stopping: it offers nothing any more.</summary>
    public bool IsLeaving { get; init; }
}

/// <summary>The trials that a node should run. It stops all others.</summary>
/// <param name="Term">Orders of older terms than the newest are void.</param>
/// <param name="IsSuperseded">True if a later process of this name has joined, so this one has to leave.</param>
/// <param name="Wanted">In the order of assignment. The node starts each lease once.</param>
public sealed record TrialOrders(long Term, bool IsSuperseded, IReadOnlyList<TrialStart> Wanted);
