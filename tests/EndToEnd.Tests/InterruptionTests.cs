using System.Globalization;
using System.Runtime.InteropServices;
using ClipTrain.Coordinator.Processes;
using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests;

public sealed class InterruptionTests : IDisposable
{
    private const string Long = "training.steps=100000";
    private readonly TinyCorpus _corpus = new();

    [Theory]
    [InlineData(PosixSignal.SIGINT, 130)]
    [InlineData(PosixSignal.SIGTERM, 143)]
    public async Task A_signal_stops_at_a_checkpoint_that_resumes(PosixSignal signal, int expectedExit)
    {
        using var run = ProgramRun.Start(_corpus.Folder, "train", _corpus.RunFile, "--set", Long);
        await run.Printed("step 3/");
        run.Signal(signal);
        run.AssertExit(expectedExit);
        Assert.Contains("cliptrain resume", run.Output, StringComparison.Ordinal);
        AssertResumes();
    }

    [Fact]
    public void An_evaluation_of_a_checkpoint_exits_when_the_run_that_started_it_is_gone()
    {
        Assert.Equal(0, ProgramRun.Finish(_corpus.Folder, "train", _corpus.RunFile).ExitCode);
        var checkpoint = _corpus.PathOf("runs", "tiny", "checkpoints", "step-00000005");
        string[] evaluation = ["eval", "--watched", checkpoint, "--splits", _corpus.RunFile, "-o", "results"];

        // The input of a process whose parent has been killed has ended.
        using var orphan = ProgramRun.StartBy(["sh", "-c", "exec \"$@\" < /dev/null", "sh"], _corpus.Folder, evaluation);
        orphan.AssertExit(ParentWatch.ExitCode);
        Assert.False(File.Exists(_corpus.PathOf("results", "results.json")));
    }

    [Fact]
    public async Task A_run_continues_without_its_terminal()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "program", "cliptrain.dll");
        using var terminal = ProgramRun.StartCommand(
            _corpus.Folder,
            "script",
            "-qec",
            $"dotnet {program} train {_corpus.RunFile} --set {Long}",
            "/dev/null"
        );
        var run = new RunRecord(_corpus.PathOf("runs", "tiny"), () => terminal.Output);
        await run.MoreSteps(3);
        terminal.Kill();
        await run.MoreSteps(20);
    }

    [Fact]
    public async Task A_worker_that_aborts_counts_as_lost_and_the_run_continues()
    {
        using var run = ProgramRun.Start(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "training.steps=300",
            "--set",
            "cluster.workers=2"
        );
        await run.Printed("step 3/");
        await run.AbortWorker();
        run.AssertExit(0);
        Assert.Matches("worker-[01]\\)? aborted \\(SIGABRT\\) after step \\d+", run.Output);
    }

    [Fact]
    public void A_run_resumed_from_an_earlier_step_has_a_linear_history()
    {
        Finish("train", _corpus.RunFile);
        var told = Finish("resume", "tiny", "--step", "5");
        Assert.Contains("after step 5 is set aside in", told, StringComparison.Ordinal);
        Assert.Contains("Resuming from the checkpoint of step 5.", told, StringComparison.Ordinal);
        Assert.Equal("step-00000010 step-00000012", Names("set-aside", "after-step-00000005"));
        Assert.Equal("step-00000005 step-00000010 step-00000012", Names("checkpoints"));
        Finish("data", "audit", "tiny");

        Assert.Contains("Resuming from the checkpoint of step 12.", Finish("resume", "tiny"), StringComparison.Ordinal);
        Finish("data", "audit", "tiny");
        Assert.Equal(12, File.ReadLines(_corpus.PathOf("runs", "tiny", "metrics.jsonl")).Count());
    }

    public void Dispose() => _corpus.Dispose();

    private string Names(params string[] folder) =>
        string.Join(
            ' ',
            Directory.GetDirectories(_corpus.PathOf(["runs", "tiny", .. folder])).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );

    private string Finish(params string[] arguments)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(exit == 0, output);
        return output;
    }

    /// <summary>Asserts that the newest checkpoint is complete and that a resumed run continues from it.</summary>
    private void AssertResumes()
    {
        var checkpoint = Directory.GetDirectories(_corpus.PathOf("runs", "tiny", "checkpoints")).Order(StringComparer.Ordinal).Last();
        var step = int.Parse(checkpoint[(checkpoint.LastIndexOf('-') + 1)..], CultureInfo.InvariantCulture);
        Assert.True(step >= 3, checkpoint);
        using var resumed = ProgramRun.Start(_corpus.Folder, "resume", "tiny");
        resumed.Printed($"step {step + 1}/").GetAwaiter().GetResult();
        resumed.Signal(PosixSignal.SIGTERM);
        resumed.AssertExit(143);
    }
}
