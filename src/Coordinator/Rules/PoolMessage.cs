using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>All that can happen to a pool. Every message may be repeated without harm.</summary>
public abstract record PoolMessage
{
    private PoolMessage() { }

    /// <summary>A node has these devices, and no others.</summary>
    public sealed record Offer(NodeOffer Node) : PoolMessage;

    /// <summary>A node is gone, unless a later incarnation of it has come since.</summary>
    public sealed record Withdraw(string Node, long Incarnation) : PoolMessage;

    /// <summary>Attempts want devices. What earlier attempts of the same runs had or waited for is given back.</summary>
    public sealed record Acquire(IReadOnlyList<LeaseRequest> Requests) : PoolMessage;

    /// <summary>These attempts, and all before them, run no longer and want nothing.</summary>
    public sealed record Release(IReadOnlyList<RunAttempt> Attempts) : PoolMessage;

    /// <summary>Time has passed, or the pool was taken over.</summary>
    public sealed record Tick : PoolMessage;
}

/// <summary>The outcome of one message.</summary>
/// <param name="MustPersist">True if the new state must be on disk before anybody learns of it.</param>
/// <param name="Told">Leases of which their experiments are to be told: those that were granted or revoked.</param>
public sealed record PoolResult(PoolState State, bool MustPersist, IReadOnlyList<Lease> Told);
