using System.Diagnostics;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Coordinator.Tests;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Sweeps;

/// <summary>Trials of a pool in processes that the tests write.</summary>
public sealed class TrialProcessTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5),
        Poll = TimeSpan.FromMilliseconds(500);

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTimeProvider _time = new();
    private readonly SweepFolder _sweep;
    private readonly RunFiles _run;

    public TrialProcessTests()
    {
        _sweep = new SweepFolder(_folder.File("sweep"));
        _run = new RunFiles(Path.Combine(_sweep.Trials, "trial"));
        Directory.CreateDirectory(_run.Directory);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_process_that_finds_the_run_hosted_by_another_is_started_again_when_that_one_has_ended()
    {
        var (started, go) = (_folder.File("started"), _folder.File("go"));
        using (var fifos = Process.Start("mkfifo", [started, go]))
        {
            await fifos.WaitForExitAsync();
        }

        // The first start is refused while another process hosts the run, the second for a reason of its own.
        var ended = RunAsync($"echo started >{started}; read reason <{go}; echo $reason; exit 2");
        Assert.Equal("started\n", await ReadAsync(started));
        using (RunLock.Acquire(_run.CoordinatorLock, TimeProvider.System))
        {
            await WriteAsync(go, "hosted");
            await Task.WhenAny(ended, _time.WhenTimerRunsAsync(Poll)).WaitAsync(Limit);
        }

        Assert.False(ended.IsCompleted);
        _time.Advance(Poll);
        Assert.Equal("started\n", await ReadAsync(started));
        await WriteAsync(go, "invalid");
        Assert.Equal("its process exited with code 2: invalid", Assert.IsType<TrialEnd.Failed>(await ended.WaitAsync(Limit)).Reason);
    }

    [Fact]
    public async Task The_end_of_a_trial_waits_for_the_node_that_ends_its_workers()
    {
        using var node = RunLock.Acquire(_run.NodeLock, TimeProvider.System);
        var ended = RunAsync("echo killed; exit 137");
        await Task.WhenAny(ended, _time.WhenTimerRunsAsync(Poll)).WaitAsync(Limit);
        Assert.False(ended.IsCompleted);

        node.Dispose();
        _time.Advance(Poll);
        Assert.Equal("its process exited with code 137: killed", Assert.IsType<TrialEnd.Failed>(await ended.WaitAsync(Limit)).Reason);
    }

    private static Task<string> ReadAsync(string fifo) => Task.Run(() => File.ReadAllText(fifo)).WaitAsync(Limit);

    private static Task WriteAsync(string fifo, string line) => Task.Run(() => File.WriteAllText(fifo, line + "\n")).WaitAsync(Limit);

    private Task<TrialEnd> RunAsync(string script) =>
        new TrialProcess(_sweep, "trial", new TrialDevices(["cuda:0"]))
        {
            IsManaged = true,
            Launch = _ => new WorkerLaunch("/bin/sh", ["-c", script]),
            Time = _time,
        }.RunAsync(CancellationToken.None);
}
