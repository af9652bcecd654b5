using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A pool of devices of one kind that runs share; its key is its name. Every call may be repeated without harm.</summary>
public interface IPoolGrain : IGrainWithStringKey
{
    /// <summary>A node has these devices. To be repeated well within <see cref="Rules.PoolMachine.Patience"/>.</summary>
    [ResponseTimeout("00:00:03")]
    Task OfferAsync(NodeOffer offer);

    /// <summary>A node is gone. Harmless when a later incarnation of it has come since.</summary>
    [ResponseTimeout("00:00:03")]
    Task WithdrawAsync(string node, long incarnation);

    /// <summary>
    /// Asks for devices, for each request all or none; a request that cannot be met now waits in the queue, and its experiment
    /// is told when it is. Earlier attempts of the same runs give back what they had.
    /// </summary>
    /// <returns>What each request has come to, in their order.</returns>
    [ResponseTimeout("00:00:08")]
    Task<LeaseAnswer[]> AcquireAsync(LeaseRequest[] requests);

    /// <summary>These attempts no longer run: their devices and places in the queue are free. Others' stay as they are.</summary>
    [ResponseTimeout("00:00:08")]
    Task ReleaseAsync(RunAttempt[] attempts);

    Task<PoolState> StateAsync();
}
