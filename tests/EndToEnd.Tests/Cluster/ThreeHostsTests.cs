namespace ClipTrain.EndToEnd.Tests.Cluster;

[Collection(HostCollection.Name)]
public sealed class ThreeHostsTests(LocalBaseline local) : IClassFixture<LocalBaseline>
{
    [NetworkFact]
    public void A_run_on_three_hosts_ends_bitwise_equal_to_one_with_three_local_workers() => AssertTrainsAsLocally(_ => { });

    /// <summary>100 KB of gradients take 50 ms on this link, twenty times the duration of a step.</summary>
    [NetworkFact]
    public void A_slow_link_costs_time_but_neither_a_worker_nor_a_bit() =>
        AssertTrainsAsLocally(hosts => hosts.Slow(3, "rate 20mbit burst 32kbit latency 50ms"));

    private void AssertTrainsAsLocally(Action<NetworkHosts> disturb)
    {
        using var cluster = new TinyCluster(3, LocalBaseline.Settings);
        disturb(cluster.Hosts);
        var coordinator = cluster.Coordinator();
        ProgramRun[] workers = [cluster.Worker(1), cluster.Worker(2), cluster.Worker(3)];

        coordinator.AssertExit(0);
        Assert.All(workers, worker => worker.AssertExit(0));
        Assert.Equal(["host-1", "host-2", "host-3"], Assert.Single(cluster.Record.Generations).Workers);
        Assert.Equal(LocalBaseline.Steps, cluster.Record.Steps.Count);
        cluster.Record.AssertWhole();
        Assert.Equal(local.Model, cluster.Corpus.Model("tiny", LocalBaseline.Steps));
    }
}
