using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>A pool under test, with the invariants after every message.</summary>
internal sealed class PoolScript
{
    public static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public PoolState State { get; private set; } = new() { LastTick = Start };

    public DateTimeOffset Now { get; private set; } = Start;

    /// <summary>Runs that hold a good lease, in the order in which they got it.</summary>
    public IEnumerable<string> Holders => State.Leases.Where(lease => lease.Revoked is null).Select(lease => lease.Attempt.Run);

    public static PoolMessage.Offer Offer(string node, int devices, long incarnation = 1) =>
        new(new NodeOffer(node, "host", incarnation, [.. Enumerable.Range(0, devices).Select(index => $"cuda:{index}")]));

    public PoolScript Fork() => new() { State = State, Now = Now };

    /// <summary>A run is named EXPERIMENT/TRIAL.</summary>
    public static LeaseRequest Request(string run, int devices, int attempt = 1) =>
        new(new RunAttempt(run, attempt), run.Split('/')[0], devices);

    public PoolResult Send(PoolMessage message)
    {
        var before = State;
        var result = PoolMachine.Handle(before, message, Now);
        AssertWhole(result.State);
        AssertOrder(before, result.State);
        State = result.State;
        return result;
    }

    public LeaseAnswer Acquire(string run, int devices, int attempt = 1)
    {
        var request = Request(run, devices, attempt);
        Send(new PoolMessage.Acquire([request]));
        return new PoolAnswers(State).To(request);
    }

    public PoolResult Release(string run, int attempt = 1) => Send(new PoolMessage.Release([new RunAttempt(run, attempt)]));

    public PoolResult Wait(double seconds, params PoolMessage[] then)
    {
        Now += TimeSpan.FromSeconds(seconds);
        foreach (var message in then)
        {
            Send(message);
        }

        return Send(new PoolMessage.Tick());
    }

    public static void AssertWhole(PoolState state)
    {
        var offered = state.Nodes.SelectMany(node => node.Offer.Devices.Select(name => new PoolDevice(node.Offer.Node, name))).ToList();
        var leased = state.Leases.SelectMany(lease => lease.Devices).ToList();
        var free = state.FreeDevices().SelectMany(node => node).ToList();

        // Every device that is offered is free or in exactly one lease.
        Assert.Equal(offered.Order(Comparer), leased.Concat(free).Order(Comparer));
        Assert.All(
            state.Leases,
            lease =>
                Assert.True(
                    lease.Revoked is null ? lease.Devices.Count == lease.Request.Devices : lease.Devices.Count < lease.Request.Devices,
                    "A lease is filled in part."
                )
        );
        var runs = state
            .Leases.Select(lease => lease.Attempt.Run)
            .Concat(state.Queue.Select(queued => queued.Request.Attempt.Run))
            .ToList();
        Assert.Equal(runs.Distinct(StringComparer.Ordinal), runs);
        Assert.Equal(state.Queue.OrderBy(queued => queued.Round), state.Queue);
        Assert.All(
            state.Queue.Where(queued => queued.Request.Attempt.Number == 1).GroupBy(queued => (queued.Round, queued.Request.Experiment)),
            turn => Assert.Single(turn)
        );
        Assert.Equal(state.Leases.OrderBy(lease => lease.Number), state.Leases);
        Assert.All(state.Leases, lease => Assert.InRange(lease.Number, 1, state.LastLease));
        Assert.True(
            state.Queue.FirstOrDefault(queued => CanHold(state, queued.Request)) is not { Request: var first }
                || Most(state, first) < first.Devices,
            "The first request that the nodes can hold waits for devices that are free."
        );
    }

    /// <summary>True if the nodes could hold a request if nothing else ran.</summary>
    private static bool CanHold(PoolState state, LeaseRequest request) => Most(state with { Leases = [] }, request) >= request.Devices;

    /// <summary>The most free devices that a request could get: of one node if any is large enough, otherwise whole workers of all.</summary>
    private static int Most(PoolState state, LeaseRequest request)
    {
        var free = state.FreeDevices().Select(node => node.Count).DefaultIfEmpty(0);
        return state.Nodes.Any(node => node.Offer.Devices.Count >= request.Devices)
            ? free.Max()
            : free.Sum(count => count - count % request.DevicesPerWorker);
    }

    /// <summary>Requests are granted in queue order, except for cancelled ones and those that the nodes cannot hold.</summary>
    public static void AssertOrder(PoolState before, PoolState after)
    {
        var waited = before.Queue.Select(queued => queued.Request).ToList();
        var waiting = after.Queue.Select(queued => queued.Request).ToList();
        var granted = after.Leases.Where(lease => lease.Number > before.LastLease).Select(lease => lease.Request);
        var still = waited.Where(waiting.Contains).ToList();
        Assert.Equal(still, waiting.Where(waited.Contains));
        if (still.Find(request => CanHold(after, request)) is { } first)
        {
            Assert.All(granted, request => Assert.Contains(request, waited.TakeWhile(other => other != first)));
        }

        foreach (var request in waiting.Except(waited).Where(request => request.Attempt.Number == 1))
        {
            Assert.DoesNotContain(
                waiting.SkipWhile(other => other != request).Skip(1),
                other => other.Experiment == request.Experiment && waited.Contains(other)
            );
        }
    }

    private static Comparer<PoolDevice> Comparer { get; } =
        Comparer<PoolDevice>.Create((left, right) => string.CompareOrdinal(left.ToString(), right.ToString()));
}
