namespace ClipTrain.EndToEnd.Tests.Cluster;

[Collection(HostCollection.Name)]
public sealed class TlsTests
{
    private const string Url = "https://10.77.0.1:7700";

    [NetworkFact]
    public async Task Workers_that_trust_the_coordinators_authority_train_and_others_are_told_to()
    {
        using var cluster = new TinyCluster(2, "cluster.workers=2");
        TestAuthority.Write(cluster.Corpus.Folder, NetworkHosts.Address(1));
        var coordinator = cluster.Coordinator(1, "--certificate", "cert.pem", "--key", "key.pem");
        await coordinator.Printed($"--coordinator {Url}");

        var distrustful = cluster.Join(2, Url, "--token-file", "token");
        Assert.True(distrustful.WaitForExit() == 6, distrustful.Output);
        Assert.Contains("--ca", distrustful.Output, StringComparison.Ordinal);

        ProgramRun[] workers = [Trustful(1), Trustful(2)];
        Assert.True(coordinator.WaitForExit() == 0, coordinator.Output);
        Assert.All(workers, worker => Assert.True(worker.WaitForExit() == 0, worker.Output));
        cluster.Record.AssertWhole();

        ProgramRun Trustful(int host) => cluster.Join(host, Url, "--token-file", "token", "--ca", "ca.pem");
    }
}
