using System.Runtime.InteropServices;

namespace ClipTrain.EndToEnd.Tests.Cluster;

[Collection(HostCollection.Name)]
public sealed class PartitionTests
{
    [NetworkFact]
    public async Task Connected_hosts_continue_and_a_returning_host_rejoins()
    {
        using var cluster = new TinyCluster(
            3,
            "training.steps=100000",
            "cluster.workers=3",
            "cluster.min_workers=2",
            "cluster.heartbeat_timeout_seconds=3"
        );
        var coordinator = cluster.Coordinator();
        ProgramRun[] workers = [cluster.Worker(1), cluster.Worker(2), cluster.Worker(3)];
        await coordinator.Printed("step 3/");

        cluster.Hosts.Cut(3);
        await cluster.Record.StepOf(generation: 2);

        cluster.Hosts.Return(3);
        await cluster.Record.StepOf(generation: 3);
        coordinator.Signal(PosixSignal.SIGTERM);
        coordinator.AssertExit(143);
        Assert.All(workers, worker => worker.AssertExit(0));

        Assert.Contains("host-3", coordinator.Output, StringComparison.Ordinal);
        Assert.Equal(
            [
                ["host-1", "host-2", "host-3"],
                ["host-1", "host-2"],
                ["host-1", "host-2", "host-3"],
            ],
            cluster.Record.Generations.Select(generation => generation.Workers)
        );
        cluster.Record.AssertWhole();
    }
}
