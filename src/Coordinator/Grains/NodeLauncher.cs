using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Runs each attempt on the nodes of its devices.</summary>
public sealed class NodeLauncher(IGrainFactory grains) : IRunLauncher
{
    public Task StartAsync(TrialStart start) => Task.WhenAll(start.Lease.Nodes.Select(node => Node(node).AssignAsync(start)));

    public async Task<TrialEnd> StopAsync(Lease lease)
    {
        // The coordinator's node comes first, since the workers of all nodes take part in the last checkpoint.
        var end = await StopAsync(lease.Nodes[0], lease);
        await Task.WhenAll(lease.Nodes.Skip(1).Select(node => StopAsync(node, lease)));
        return end;
    }

    private async Task<TrialEnd> StopAsync(string node, Lease lease)
    {
        while (true)
        {
            if (await Node(node).StopAsync(lease) is { } end)
            {
                return end;
            }
        }
    }

    private IPoolNodeGrain Node(string name) => grains.GetGrain<IPoolNodeGrain>(name);
}
