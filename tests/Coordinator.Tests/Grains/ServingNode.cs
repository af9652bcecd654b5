using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A process of a node that serves the pool.</summary>
internal sealed class ServingNode : IAsyncDisposable
{
    private readonly CancellationTokenSource _leave = new();
    private readonly PoolCluster _cluster;
    private readonly string _name;

    public ServingNode(PoolCluster cluster, string name, int cores, long incarnation = 1)
    {
        var offer = new NodeOffer(name, "host", incarnation, [.. Enumerable.Range(0, cores).Select(core => $"cpu:{core}")]);
        var options = new PoolNodeOptions("gpus", offer, TimeSpan.FromHours(2), _ => { });
        cluster.Serving.Add(name);
        Served = new PoolNodeAgent(cluster.Grains, options, Trials, TimeProvider.System).RunAsync(_leave.Token);
        (_cluster, _name) = (cluster, name);
    }

    public FakeTrials Trials { get; } = new();

    public Task Served { get; }

    public async Task LeaveAsync()
    {
        _cluster.Serving.Remove(_name);
        await _leave.CancelAsync();
        await Served.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        await LeaveAsync();
        _leave.Dispose();
    }
}
