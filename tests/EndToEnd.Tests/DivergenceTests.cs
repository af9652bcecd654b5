using System.Globalization;
using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests;

public sealed class DivergenceTests : IDisposable
{
    // The first update makes the weights so large that no later loss is finite.
    private static readonly string[] Diverging =
    [
        "training.learning_rate=1e30",
        "training.warmup_steps=0",
        "training.gradient_clip=0",
        "checkpoint.every_steps=1",
        "checkpoint.rollbacks=2",
    ];

    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_run_that_diverges_goes_back_as_often_as_it_may_and_the_audit_accepts_what_it_passed_over()
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["train", _corpus.RunFile, .. Sets(Diverging)]);

        Assert.True(exit == 5, output);
        Assert.DoesNotContain("Orleans", output, StringComparison.Ordinal);
        AssertWentBackTwice(output);
    }

    [Fact]
    public async Task A_coordinators_nodes_and_workers_started_by_hand_go_back_without_a_new_process()
    {
        using var coordinator = ProgramRun.Start(
            _corpus.Folder,
            ["coordinator", _corpus.RunFile, .. Sets([.. Diverging, "cluster.workers=3"])]
        );
        var address = await AddressOf(coordinator);
        using var node = ProgramRun.Start(_corpus.Folder, ["node", "--coordinator", address, .. Token, "--workers", "2"]);
        using var worker = ProgramRun.Start(_corpus.Folder, ["worker", "--coordinator", address, .. Token, "--name", "by-hand"]);

        coordinator.AssertExit(5);
        node.AssertExit(5);
        worker.AssertExit(5);
        AssertWentBackTwice(coordinator.Output);
        Assert.Contains("generation 3: 3 workers from step 2", coordinator.Output, StringComparison.Ordinal);
        Assert.Contains("is not finite", worker.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_run_goes_back_after_its_standby_has_taken_over()
    {
        // Workers join only after the takeover, so that the host dies before the run diverges.
        var port = ProgramRun.FreePort();
        var standby = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port + 2}");
        using var coordinator = ProgramRun.Start(
            _corpus.Folder,
            ["coordinator", _corpus.RunFile, "--listen", $"127.0.0.1:{port}", .. Sets([.. Diverging, "output.tensorboard=true"])]
        );
        await AddressOf(coordinator);
        await coordinator.StandsBy(_corpus.PathOf("runs", "tiny"));
        coordinator.Kill();
        using var node = ProgramRun.Start(_corpus.Folder, ["node", "--coordinator", standby, .. Token, "--workers", "2"]);

        node.AssertExit(5);
        var log = File.ReadAllText(_corpus.PathOf("runs", "tiny", "run.log"));
        Assert.Contains("has taken over the run", log, StringComparison.Ordinal);
        AssertWentBackTwice(log);
    }

    [Fact]
    public void Without_rollbacks_a_run_that_diverges_ends()
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "training.learning_rate=1e30",
            "--set",
            "training.gradient_clip=0"
        );
        Assert.True(exit == 5, output);
        Assert.False(File.Exists(_corpus.PathOf("runs", "tiny", "passed-over.json")));
    }

    private string[] Token => ["--token-file", _corpus.PathOf("runs", "tiny", "token")];

    private void AssertWentBackTwice(string output)
    {
        Assert.Contains("Resuming from the checkpoint of step 1.", output, StringComparison.Ordinal);
        Assert.Contains("Steps passed over because the run diverged at them: 2, 3.", output, StringComparison.Ordinal);
        using var passedOver = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("runs", "tiny", "passed-over.json")));
        Assert.Equal([(2, 2), (3, 3)], passedOver.RootElement.EnumerateArray().Select(Range));

        var (audited, audit) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "runs/tiny");
        Assert.True(audited == 0, audit);
        Assert.Contains("Steps that changed no weight, because the run diverged at them before: 2, 3.", audit, StringComparison.Ordinal);
    }

    private static async Task<string> AddressOf(ProgramRun coordinator)
    {
        await coordinator.Printed("Machines join with");
        return coordinator.Output.Split("--coordinator ")[1].Split(' ')[0];
    }

    private static IEnumerable<string> Sets(IEnumerable<string> sets) => sets.SelectMany(set => new[] { "--set", set });

    private static (int First, int Last) Range(JsonElement range) =>
        (range.GetProperty("first").GetInt32(), range.GetProperty("last").GetInt32());
}
