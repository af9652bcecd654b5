using ClipTrain.Coordinator.Storage;

namespace ClipTrain.EndToEnd.Tests;

public sealed class RecoveryTests : IDisposable
{
    private const int Steps = 60;
    private readonly TinyCorpus _corpus = new();

    [Theory]
    [InlineData("training.shard_optimizer=false", 20)]
    [InlineData("training.shard_optimizer=true", 20)]
    [InlineData("training.shard_optimizer=true", Steps)]
    public async Task A_run_with_a_killed_worker_ends_bitwise_equal_to_an_undisturbed_one(string option, int every)
    {
        // Without a checkpoint and the killed worker's moments, the run starts over.
        string[] sets = ["training.steps=60", $"checkpoint.every_steps={every}", option];
        Start("undisturbed", sets).AssertExit(0);

        using var run = Start("disturbed", sets);
        await run.Printed("step 3/");
        run.KillWorker();
        run.AssertExit(0);

        Assert.Matches("worker-[01]\\)? was killed \\(SIGKILL\\)", run.Output);
        Assert.Equal(_corpus.Model("undisturbed", Steps), _corpus.Model("disturbed", Steps));
        Assert.Equal(_corpus.Optimizer("undisturbed", Steps), _corpus.Optimizer("disturbed", Steps));
        AssertAudits("disturbed");
    }

    [Theory]
    [InlineData("training 12 steps")]
    [InlineData("Checkpoint of step 12 written")]
    [InlineData("evaluating")]
    public async Task A_run_with_all_processes_killed_at_once_ends_bitwise_equal_to_an_undisturbed_one(string moment)
    {
        Assert.Equal(0, Start("undisturbed", "training.steps=12").WaitForExit());
        using (var run = Start("disturbed", "training.steps=12", "evaluation.retrieval=[{name: seen, data: [train.parquet]}]"))
        {
            await run.Printed(moment);
        }

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "disturbed");
        Assert.True(exit == 0, output);
        Assert.Equal(_corpus.Model("undisturbed", 12), _corpus.Model("disturbed", 12));
        Assert.Equal(_corpus.Optimizer("undisturbed", 12), _corpus.Optimizer("disturbed", 12));
        Assert.True(File.Exists(_corpus.PathOf("runs", "disturbed", "summary.json")), output);
        AssertAudits("disturbed");
    }

    [Fact]
    public async Task With_a_lower_minimum_the_survivors_continue_and_the_restarted_worker_rejoins()
    {
        using var run = Start("elastic", "training.steps=100000", "cluster.workers=3", "cluster.min_workers=1");
        await run.Printed("step 3/");
        run.KillWorker();
        await run.Printed("generation 2: 2 workers");
        await run.Printed("generation 3: 3 workers");
        run.Signal(System.Runtime.InteropServices.PosixSignal.SIGTERM);
        run.AssertExit(143);
        AssertAudits("elastic");
    }

    [Fact]
    public void An_audit_lists_every_sample_of_a_run_with_step_and_rank()
    {
        Start("plain", "training.steps=12", "cluster.workers=3").AssertExit(0);
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "plain", "--list", "uses.tsv");
        Assert.True(exit == 0, output);
        var uses = File.ReadLines(_corpus.PathOf("uses.tsv")).Skip(1).Select(line => line.Split('\t')).ToList();
        Assert.Equal(120, uses.Count);
        Assert.Equal(TinyCorpus.Rows, uses.Where(use => use[0] == "0").Select(use => use[1]).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal("012", string.Concat(uses.Select(use => use[4]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void An_audit_finds_a_step_that_is_missing_from_the_ledger()
    {
        Start("plain", "training.steps=12").AssertExit(0);
        var segment = Directory.GetFiles(_corpus.PathOf("runs", "plain", "ledger")).Order(StringComparer.Ordinal).Last();
        var kept = LedgerFile.Read(segment).Where(entry => entry.Step?.Metrics.Step != 4).ToList();
        using (var file = File.Create(segment))
        {
            LedgerFile.Write(file, kept);
        }

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "plain");
        Assert.True(exit == 8, output);
        Assert.Contains("step 4 is not recorded", output, StringComparison.Ordinal);
    }

    public void Dispose() => _corpus.Dispose();

    private ProgramRun Start(string name, params string[] sets) =>
        ProgramRun.Start(
            _corpus.Folder,
            ["train", _corpus.RunFile, "--set", $"name={name}", "--set", "evaluation={}", .. sets.SelectMany(set => new[] { "--set", set })]
        );

    private void AssertAudits(string run)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "data", "audit", run);
        Assert.True(exit == 0, output);
        Assert.Contains("every sample was consumed exactly once", output, StringComparison.Ordinal);
    }
}
