using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Runs each attempt on the node of its devices.</summary>
public sealed class NodeLauncher(IGrainFactory grains) : IRunLauncher
{
    public Task StartAsync(TrialStart start) => Node(start.Lease).AssignAsync(start);

    public async Task<TrialEnd> StopAsync(Lease lease)
    {
        while (true)
        {
            if (await Node(lease).StopAsync(lease) is { } end)
            {
                return end;
            }
        }
    }

    private IPoolNodeGrain Node(Lease lease) => grains.GetGrain<IPoolNodeGrain>(lease.Devices[0].Node);
}
