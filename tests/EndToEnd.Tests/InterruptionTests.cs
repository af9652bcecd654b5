using System.Globalization;
using System.Runtime.InteropServices;

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
        // Whoever runs the tests in the background ignores SIGINT, and the program would inherit that.
        using var run = ProgramRun.StartBy(["env", "--default-signal=INT"], _corpus.Folder, "train", _corpus.RunFile, "--set", Long);
        await run.Printed("step 3/");
        run.Signal(signal);
        Assert.Equal(expectedExit, run.WaitForExit());
        Assert.Contains("cliptrain resume", run.Output, StringComparison.Ordinal);
        AssertResumes();
    }

    [Fact]
    public async Task A_worker_that_aborts_is_a_lost_worker_and_its_run_goes_on()
    {
        using var run = ProgramRun.Start(_corpus.Folder, "train", _corpus.RunFile, "--set", "training.steps=300", "--set", "cluster.workers=2");
        await run.Printed("step 3/");
        await run.AbortWorker();
        Assert.True(run.WaitForExit() == 0, run.Output);
        Assert.Matches("worker-[01]\\)? aborted \\(SIGABRT\\)", run.Output);
    }

    public void Dispose() => _corpus.Dispose();

    /// <summary>The newest checkpoint is whole, and a resumed run goes on from it.</summary>
    private void AssertResumes()
    {
        var checkpoint = Directory.GetDirectories(_corpus.PathOf("runs", "tiny", "checkpoints")).Order(StringComparer.Ordinal).Last();
        var step = int.Parse(checkpoint[(checkpoint.LastIndexOf('-') + 1)..], CultureInfo.InvariantCulture);
        Assert.True(step >= 3, checkpoint);
        using var resumed = ProgramRun.Start(_corpus.Folder, "resume", "tiny");
        resumed.Printed($"step {step + 1}/").GetAwaiter().GetResult();
        resumed.Signal(PosixSignal.SIGTERM);
        Assert.Equal(143, resumed.WaitForExit());
    }
}
