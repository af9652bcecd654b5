using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A pool of devices of one kind that runs share. Its key is its name. Every call may be repeated without harm.</summary>
public interface IPoolGrain : IGrainWithStringKey
{
    /// <summary>Offers a node's devices. Nodes repeat this well within <see cref="Rules.PoolMachine.Patience"/>.</summary>
    [ResponseTimeout("00:00:03")]
    Task OfferAsync(NodeOffer offer);

    /// <summary>Removes a node. Harmless if a later incarnation has arrived since.</summary>
    [ResponseTimeout("00:00:03")]
    Task WithdrawAsync(string node, long incarnation);

    /// <summary>
    /// Requests devices, for each request all or none. A request that cannot be granted now waits in the queue, and its experiment is
    /// notified later. Leases of earlier attempts of the same runs are released.
    /// </summary>
    /// <returns>The answer to each request, in order.</returns>
    [ResponseTimeout("00:00:08")]
    Task<LeaseAnswer[]> AcquireAsync(LeaseRequest[] requests);

    /// <summary>Releases the devices and queue entries of attempts that no longer run.</summary>
    [ResponseTimeout("00:00:08")]
    Task ReleaseAsync(RunAttempt[] attempts);

    Task<PoolState> StateAsync();
}

/// <summary>Passes messages to <see cref="PoolMachine"/> one at a time and announces leases to experiments.</summary>
public sealed class PoolGrain(
    [PersistentState("pool", FencedFileStorage.ProviderName)] IPersistentState<PoolState> storage,
    TimeProvider time,
    ILogger<PoolGrain> logger
) : Grain, IPoolGrain
{
    /// <summary>Name of the pool of cores that <c>cliptrain pool</c> hosts.</summary>
    public const string Cores = "pool";

    /// <summary>Name of the pool of GPUs that it hosts.</summary>
    public const string Gpus = "gpus";

    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstForget = TimeSpan.FromHours(1);
    private static readonly TimeSpan ForgetPeriod = TimeSpan.FromDays(1);
    private FencedState<PoolState> _state = null!;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = new FencedState<PoolState>(storage, this);
        await _state.TakeOverAsync(state => state with { Term = state.Term + 1 });
        await HandleAsync(new PoolMessage.Tick());
        this.RegisterGrainTimer(
            () => HandleAsync(new PoolMessage.Tick()),
            new GrainTimerCreationOptions(TickPeriod, TickPeriod) { KeepAlive = true }
        );

        // An experiment's host may be slow to answer, and nodes do not wait.
        this.RegisterGrainTimer(ForgetAsync, new GrainTimerCreationOptions(FirstForget, ForgetPeriod) { Interleave = true });
    }

    public Task OfferAsync(NodeOffer offer) => HandleAsync(new PoolMessage.Offer(offer));

    public Task WithdrawAsync(string node, long incarnation) => HandleAsync(new PoolMessage.Withdraw(node, incarnation));

    public async Task<LeaseAnswer[]> AcquireAsync(LeaseRequest[] requests)
    {
        var answers = new PoolAnswers(await HandleAsync(new PoolMessage.Acquire(requests)));
        return [.. requests.Select(answers.To)];
    }

    public Task ReleaseAsync(RunAttempt[] attempts) => HandleAsync(new PoolMessage.Release(attempts));

    public Task<PoolState> StateAsync() => Task.FromResult(_state.Value);

    /// <summary>Lets experiments that ended long ago delete their states.</summary>
    private async Task ForgetAsync()
    {
        foreach (var experiment in _state.Value.Experiments)
        {
            try
            {
                if (await GrainFactory.GetGrain<IExperimentGrain>(experiment).ForgetAsync())
                {
                    await HandleAsync(new PoolMessage.Forget(experiment));
                }
            }
            catch (Exception error)
            {
                // One whose state is damaged must not keep the others.
                logger.LogWarning(error, "The pool could not forget experiment {Experiment} and will try again the next day.", experiment);
            }
        }
    }

    private async Task<PoolState> HandleAsync(PoolMessage message)
    {
        var result = await _state.TurnAsync(state =>
        {
            var result = PoolMachine.Handle(state, message, time.GetUtcNow());
            return (result.State, result.MustPersist, result);
        });
        foreach (var leases in result.Told.GroupBy(lease => lease.Request.Experiment, StringComparer.Ordinal))
        {
            await GrainFactory.GetGrain<IExperimentGrain>(leases.Key).LeasesChangedAsync([.. leases]);
        }

        return result.State;
    }
}
