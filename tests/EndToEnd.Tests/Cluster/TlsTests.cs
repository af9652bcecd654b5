namespace ClipTrain.EndToEnd.Tests.Cluster;

[Collection(HostCollection.Name)]
public sealed class TlsTests
{
    private static readonly string[] Files = ["--certificate", "cert.pem", "--key", "key.pem", "--ca", "ca.pem"];

    [NetworkFact]
    public async Task Workers_with_a_certificate_of_the_runs_authority_train_and_others_are_told_what_is_missing()
    {
        using var cluster = new TinyCluster(2, "cluster.workers=2");
        TestAuthority.Write(cluster.Corpus.Folder, NetworkHosts.Address(1));
        var coordinator = cluster.Coordinator(1, Files);
        await coordinator.Printed("Machines join with");

        var distrustful = cluster.Join(2, TinyCluster.Coordinators, "--token-file", "token");
        distrustful.AssertExit(6);
        Assert.Contains("--ca", distrustful.Output, StringComparison.Ordinal);

        ProgramRun[] workers = [Trustful(1), Trustful(2)];
        coordinator.AssertExit(0);
        Assert.All(workers, worker => worker.AssertExit(0));
        cluster.Record.AssertWhole();

        ProgramRun Trustful(int host) => cluster.Worker(host, Files);
    }
}
