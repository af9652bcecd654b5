using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Messages to a pool. Each may be repeated without harm.</summary>
public abstract record PoolMessage
{
    private PoolMessage() { }

    /// <summary>A node offers exactly these devices.</summary>
    public sealed record Offer(NodeOffer Offered) : PoolMessage;

    /// <summary>A node leaves, unless a later incarnation of it has arrived since.</summary>
    public sealed record Withdraw(string Node, long Incarnation) : PoolMessage;

    /// <summary>Attempts request devices. Leases and requests of earlier attempts of the same runs are released.</summary>
    public sealed record Acquire(IReadOnlyList<LeaseRequest> Requests) : PoolMessage;

    /// <summary>These and all earlier attempts no longer run or wait.</summary>
    public sealed record Release(IReadOnlyList<RunAttempt> Attempts) : PoolMessage;

    /// <summary>The state of an experiment has been deleted.</summary>
    public sealed record Forget(string Experiment) : PoolMessage;

    /// <summary>Time has passed, or the pool was taken over.</summary>
    public sealed record Tick : PoolMessage;
}

/// <summary>Result of one message.</summary>
/// <param name="MustPersist">True if the new state must be on disk before it becomes visible.</param>
/// <param name="Told">Granted or revoked leases, to announce to their experiments.</param>
public sealed record PoolResult(PoolState State, bool MustPersist, IReadOnlyList<Lease> Told);
