using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Feeds <see cref="PoolMachine"/> one message at a time and tells experiments of their leases.</summary>
public sealed class PoolGrain([PersistentState("pool")] IPersistentState<PoolState> storage, TimeProvider time) : Grain, IPoolGrain
{
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(5);
    private FencedState<PoolState> _state = null!;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = new FencedState<PoolState>(storage, this);
        await _state.TakeOverAsync(state => state with { Epoch = state.Epoch + 1 });
        await HandleAsync(new PoolMessage.Tick());
        this.RegisterGrainTimer(
            () => HandleAsync(new PoolMessage.Tick()),
            new GrainTimerCreationOptions(TickPeriod, TickPeriod) { KeepAlive = true }
        );
    }

    public Task OfferAsync(NodeOffer offer) => HandleAsync(new PoolMessage.Offer(offer));

    public Task WithdrawAsync(string node, long incarnation) => HandleAsync(new PoolMessage.Withdraw(node, incarnation));

    public async Task<LeaseAnswer[]> AcquireAsync(LeaseRequest[] requests)
    {
        var state = await HandleAsync(new PoolMessage.Acquire(requests));
        return [.. requests.Select(request => PoolMachine.Answer(state, request))];
    }

    public Task ReleaseAsync(RunAttempt[] attempts) => HandleAsync(new PoolMessage.Release(attempts));

    public Task<PoolState> StateAsync() => Task.FromResult(_state.Value);

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
