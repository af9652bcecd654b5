using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Orleans.Concurrency;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A machine that runs trials on the devices that it offers to a pool. Its key is the node's name.</summary>
public interface IPoolNodeGrain : IGrainWithStringKey
{
    /// <summary>
    /// Called by the node's process repeatedly. Offers its devices, and returns the trials that it should run as soon as they differ from
    /// those it knows, or after at most five seconds.
    /// </summary>
    [ResponseTimeout("00:00:08")]
    Task<TrialOrders> ExchangeAsync(TrialReport report);

    /// <summary>Called by the node's process at the end of its part of a trial, until it returns true.</summary>
    /// <returns>False if parts on other nodes have yet to end.</returns>
    [ResponseTimeout("00:00:08")]
    Task<bool> EndedAsync(Lease lease, TrialEnd end);

    /// <summary>Called by a process that leaves: its devices leave the pool, which takes their leases back.</summary>
    [ResponseTimeout("00:00:08")]
    Task LeaveAsync(string pool, long incarnation);

    /// <summary>Gives the node its part of a trial.</summary>
    [ResponseTimeout("00:00:08")]
    Task AssignAsync(TrialStart start);

    /// <summary>Takes its part of a trial from the node.</summary>
    /// <returns>How it ended; null if it has not ended within five seconds: ask again.</returns>
    [ResponseTimeout("00:00:08")]
    Task<TrialEnd?> StopAsync(Lease lease);
}

/// <summary>Passes trials to the node's process and their ends to the experiments.</summary>
[Reentrant]
public sealed class PoolNodeGrain(
    [PersistentState("node", FencedFileStorage.ProviderName)] IPersistentState<PoolNodeState> storage,
    TimeProvider time
) : Grain, IPoolNodeGrain
{
    private FencedState<PoolNodeState> _state = null!;
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastHeard = time.GetTimestamp();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = new FencedState<PoolNodeState>(storage, this);
        await _state.TakeOverAsync(state => state with { Term = state.Term + 1 });
    }

    public async Task<TrialOrders> ExchangeAsync(TrialReport report)
    {
        if (report.Offer.Incarnation < _state.Value.Incarnation)
        {
            return new TrialOrders(_state.Value.Term, IsSuperseded: true, []);
        }

        _lastHeard = time.GetTimestamp();
        var news = _news.Task;
        await ChangeAsync(state => NodeTrials.Meet(state, report.Offer.Incarnation));
        if (report.IsLeaving)
        {
            await ChangeAsync(state => NodeTrials.Leave(state, report.Known));
        }
        else
        {
            await GrainFactory.GetGrain<IPoolGrain>(report.Pool).OfferAsync(report.Offer);
        }

        if (report.Term == _state.Value.Term && report.Known.SequenceEqual(Wanted.Select(start => start.Lease.Number)))
        {
            await news.WaitAsync(HeldCalls.Limit, time)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }

        return new TrialOrders(_state.Value.Term, report.Offer.Incarnation < _state.Value.Incarnation, Wanted);
    }

    public async Task<bool> EndedAsync(Lease lease, TrialEnd end)
    {
        // Other nodes may be waiting for this part to end.
        await ChangeAsync(state => NodeTrials.End(state, lease, end));
        var (name, coordinator) = (this.GetPrimaryKeyString(), lease.Nodes[0]);

        // The trial ends with its coordinator, or with a part that ends although nobody stopped it. An end that is already known, for
        // example of a node that was silent, may still be a result.
        if (
            (name != coordinator && end.Kind == TrialEndKind.Stopped)
            || NodeTrials.Find(_state.Value, lease) is not { Start.Experiment: { } experiment }
        )
        {
            return true;
        }

        var ends = new Dictionary<string, TrialEnd>(StringComparer.Ordinal) { [name] = end };
        foreach (var others in lease.Nodes.Where(node => node != name).GroupBy(node => node == coordinator))
        {
            var stopped = await Task.WhenAll(
                others.Select(async node => (node, End: await GrainFactory.GetGrain<IPoolNodeGrain>(node).StopAsync(lease)))
            );
            foreach (var (node, other) in stopped)
            {
                if (other is null)
                {
                    return false;
                }

                ends[node] = other;
            }
        }

        var cause = ends[coordinator].Kind == TrialEndKind.Stopped ? ends.Values.FirstOrDefault(IsCause) : null;
        await GrainFactory.GetGrain<IExperimentGrain>(experiment).RunEndedAsync(cause ?? ends[coordinator]);
        return true;

        static bool IsCause(TrialEnd end) => end.Kind != TrialEndKind.Stopped;
    }

    public Task LeaveAsync(string pool, long incarnation) =>
        GrainFactory.GetGrain<IPoolGrain>(pool).WithdrawAsync(this.GetPrimaryKeyString(), incarnation);

    public Task AssignAsync(TrialStart start) => ChangeAsync(state => NodeTrials.Assign(state, start));

    public async Task<TrialEnd?> StopAsync(Lease lease)
    {
        var news = _news.Task;
        await ChangeAsync(state => NodeTrials.Stop(state, lease));
        for (var start = time.GetTimestamp(); NodeTrials.Find(_state.Value, lease) is { End: null }; news = _news.Task)
        {
            var left = HeldCalls.Limit - time.GetElapsedTime(start);
            if (time.GetElapsedTime(_lastHeard) >= PoolMachine.Patience)
            {
                await ChangeAsync(state => NodeTrials.Lose(state, lease));
            }
            else if (left <= TimeSpan.Zero)
            {
                return null;
            }
            else
            {
                await news.WaitAsync(left, time)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
        }

        // A later lease of its devices means that it has ended.
        return NodeTrials.Find(_state.Value, lease)?.End ?? NodeTrials.Stopped(lease);
    }

    private IReadOnlyList<TrialStart> Wanted => NodeTrials.Wanted(_state.Value);

    /// <summary>Changes the state and wakes the calls that wait for a change.</summary>
    private async Task ChangeAsync(Func<PoolNodeState, PoolNodeState> change)
    {
        var changed = await _state.TurnAsync(state =>
        {
            var next = change(state);
            return (next, MustPersist: !ReferenceEquals(next, state), Result: !ReferenceEquals(next, state));
        });
        if (changed)
        {
            _news.SetResult();
            _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
