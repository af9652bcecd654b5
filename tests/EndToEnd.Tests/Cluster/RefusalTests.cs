namespace ClipTrain.EndToEnd.Tests.Cluster;

[Collection(HostCollection.Name)]
public sealed class RefusalTests
{
    [NetworkFact]
    public async Task A_worker_with_a_wrong_token_or_corpus_is_rejected_with_the_reason()
    {
        using var cluster = new TinyCluster(2);
        File.WriteAllText(cluster.Corpus.PathOf("wrong"), "a wrong token");
        using var other = new TinyCorpus();
        other.Write("train.parquet", TinyCorpus.Rows - 1, TinyCorpus.Picture, TinyCorpus.Caption);
        await cluster.Coordinator().Printed("Machines join with");

        var stranger = cluster.Join(2, TinyCluster.Coordinators, "--token-file", "wrong");
        using var misled = cluster.Hosts.Run(
            2,
            other.Folder,
            "worker",
            "--coordinator",
            TinyCluster.Coordinators,
            "--token-file",
            cluster.Corpus.PathOf("token")
        );

        AssertEnds(stranger, 6, "token");
        AssertEnds(misled, 4, "train.parquet", "95 rows", "96 rows");
    }

    [NetworkFact]
    public void An_unresponsive_coordinator_is_named()
    {
        using var cluster = new TinyCluster(1);
        AssertEnds(cluster.Join(1, "10.77.0.9:7700", "--token-file", "token", "--wait", "5"), 6, "10.77.0.9:7700");
    }

    [Fact]
    public void Listening_beyond_loopback_without_a_token_is_an_error()
    {
        using var corpus = new TinyCorpus();
        using var coordinator = ProgramRun.Start(corpus.Folder, "coordinator", corpus.RunFile, "--listen", "0.0.0.0:0");
        AssertEnds(coordinator, 2, "token", "0.0.0.0");
    }

    [Fact]
    public void A_worker_without_a_token_is_told_how_to_give_one()
    {
        using var corpus = new TinyCorpus();
        using var worker = ProgramRun.Start(corpus.Folder, "worker", "--coordinator", "127.0.0.1:7700");
        AssertEnds(worker, 2, "--token-file", "CLIPTRAIN_TOKEN");
    }

    [Fact]
    public async Task A_worker_started_by_hand_that_ends_the_run_prints_the_reason()
    {
        using var corpus = new TinyCorpus();
        corpus.Write("train.parquet", TinyCorpus.Rows, _ => "no picture"u8.ToArray(), TinyCorpus.Caption);
        var address = $"127.0.0.1:{ProgramRun.FreePort()}";
        using var coordinator = ProgramRun.Start(
            corpus.Folder,
            "coordinator",
            corpus.RunFile,
            "--listen",
            address,
            "--token",
            "secret",
            "--set",
            "evaluation={}",
            "--set",
            "cluster.workers=1"
        );
        await coordinator.Printed("--coordinator");
        using var worker = ProgramRun.Start(corpus.Folder, "worker", "--coordinator", address, "--token", "secret", "--cores", "1");

        AssertEnds(worker, 4, "train.parquet");
        AssertEnds(coordinator, 4, "train.parquet");
    }

    private static void AssertEnds(ProgramRun program, int exit, params string[] texts)
    {
        program.AssertExit(exit);
        Assert.All(texts, text => Assert.Contains(text, program.Output, StringComparison.Ordinal));
    }
}
