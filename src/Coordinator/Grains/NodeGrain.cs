using ClipTrain.Coordinator.Protocol;
using Orleans.Concurrency;
using Orleans.Placement;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A machine that starts, ends and watches workers of a run. Its key is RUN/NODE.</summary>
public interface INodeGrain : IGrainWithStringKey
{
    /// <summary>
    /// Called by the node's process repeatedly, with its slots and the orders it has carried out. Answered when there are new orders,
    /// after at most five seconds. A node that does not call within the run's lease is lost together with its workers.
    /// </summary>
    [ResponseTimeout("00:00:08")]
    Task<NodeOrders> ExchangeAsync(NodeReport report);

    /// <summary>Called by a run after a takeover: the node must call within its lease.</summary>
    [ResponseTimeout("00:00:08")]
    Task WatchAsync(string incarnation, TimeSpan lease);

    /// <summary>Called by a node that leaves after its workers have ended.</summary>
    [ResponseTimeout("00:00:08")]
    Task LeaveAsync(string incarnation);
}

/// <summary>Passes reports to the run and orders back, and detects a silent node.</summary>
[Reentrant, PreferLocalPlacement]
public sealed class NodeGrain(TimeProvider time) : Grain, INodeGrain
{
    private static readonly TimeSpan Check = TimeSpan.FromSeconds(1);

    private string? _incarnation;
    private long _lastHeard;
    private TimeSpan _lease;
    private IGrainTimer? _watch;

    public static string KeyOf(string run, string node) => $"{run}/{node}";

    public async Task<NodeOrders> ExchangeAsync(NodeReport report)
    {
        (_incarnation, _lastHeard) = (report.Incarnation, time.GetTimestamp());
        var orders = await Run().NodeAsync(report);

        // An earlier process of the node, whose call may have been held until now, is no longer watched.
        if (_incarnation == report.Incarnation)
        {
            await WatchAsync(report.Incarnation, orders.Lease);
        }

        return orders;
    }

    public Task WatchAsync(string incarnation, TimeSpan lease)
    {
        (_incarnation, _lease, _lastHeard) = (incarnation, lease, time.GetTimestamp());
        _watch ??= this.RegisterGrainTimer(CheckAsync, new GrainTimerCreationOptions(Check, Check) { KeepAlive = true });
        return Task.CompletedTask;
    }

    public async Task LeaveAsync(string incarnation)
    {
        await Run().NodeLeftAsync(NodeId(), incarnation);

        // A later process of the node remains watched.
        if (_incarnation == incarnation)
        {
            End();
        }
    }

    private async Task CheckAsync()
    {
        // It may have called again while the run was asked.
        if (
            _incarnation is { } incarnation
            && time.GetElapsedTime(_lastHeard) is var silence
            && silence > _lease
            && await Run().NodeSilentAsync(NodeId(), incarnation, silence)
            && _incarnation == incarnation
            && time.GetElapsedTime(_lastHeard) > _lease
        )
        {
            End();
        }
    }

    private void End()
    {
        _incarnation = null;
        _watch?.Dispose();
        _watch = null;
        DeactivateOnIdle();
    }

    private IRunGrain Run() => GrainFactory.GetGrain<IRunGrain>(Split().Run);

    private string NodeId() => Split().Node;

    private (string Run, string Node) Split()
    {
        var key = this.GetPrimaryKeyString();
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return (key[..slash], key[(slash + 1)..]);
    }
}
