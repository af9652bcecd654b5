using System.Globalization;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Workers;

/// <summary>A node that runs trials of sweeps and sets of suites for a pool.</summary>
internal static class PoolNodeProgram
{
    /// <summary>Serves the pool until the node is to leave. Does not return otherwise.</summary>
    /// <exception cref="OperationCanceledException">The node has left.</exception>
    /// <exception cref="CoordinatorLostException">The pool was lost.</exception>
    /// <exception cref="CoordinatorRefusedException">Another node of the same name has joined.</exception>
    public static async Task<int> ServeAsync(RemoteCluster cluster, RemoteNodeOptions node, CancellationToken leave)
    {
        if (node.Workers is not null)
        {
            throw new UsageException("--workers is for a run, and this coordinator hosts a pool: give --cores or --device.");
        }

        var offersGpus = node.Devices.Count > 0;
        if (offersGpus && node.Cores is not null)
        {
            throw new UsageException(
                "A node offers a pool cores or GPUs. For both, start two nodes, one with --cores and one with --device, each with its --name."
            );
        }

        TrialDevices.RequireGpus(node.Devices);

        var self = new TrialNode(
            node.Name ?? Environment.MachineName,
            node.Address ?? await cluster.OwnAddressAsync(),
            node.Connection.Token,
            node.Connection.Tls.ToAbsolute()
        );
        var processes = NodeProcesses.Of(self.Name, cluster.Client.ClusterId);
        await processes.WaitAsync(Tell, leave);
        var offer = new NodeOffer(
            self.Name,
            Environment.MachineName,
            TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
            offersGpus ? node.Devices : TrialDevices.Cores(node.Cores)
        );
        await new PoolNodeAgent(
            cluster.Client.Grains,
            new PoolNodeOptions(TrialDevices.PoolOf(offersGpus), offer, RemoteCluster.LongPatience, Tell),
            new PoolJobs(self, processes, Tell),
            TimeProvider.System
        ).RunAsync(leave);
        throw new InvalidOperationException("A node serves its pool until it leaves.");
    }

    private static void Tell(string line) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}"));
}
