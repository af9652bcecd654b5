using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Tests.Rules;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>Whole runs with real worker processes.</summary>
public sealed class LocalRunTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly RecordingObserver _observer = new();
    private readonly FileRunLedger _ledger;

    public LocalRunTests() => _ledger = FileRunLedger.Open(_directory.File("ledger.jsonl"));

    public void Dispose()
    {
        _ledger.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Three_processes_train_to_the_end_and_none_is_left()
    {
        var outcome = await RunAsync(3, "complete");

        Assert.True(outcome.Kind == OutcomeKind.Completed, outcome.Message + "\n" + _observer.Log);
        Assert.Equal(new CheckpointMark(FakeWorker.Steps, $"step-{FakeWorker.Steps}"), outcome.LastCheckpoint);
        Assert.Equal(Enumerable.Range(1, FakeWorker.Steps), _observer.Metrics.Select(metrics => (int)metrics.Step));
        var state = ReadState();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.All(state.Members, member => Assert.Equal(0, member.ExitCode));
        AssertNoneLeft(_observer.States);
    }

    [Fact]
    public async Task The_token_is_on_no_command_line_and_in_no_file()
    {
        await RunAsync(1, "complete");

        Assert.Contains("worker complete", Assert.Single(_observer.Lines, line => line.Text.StartsWith("cmdline", StringComparison.Ordinal)).Text, StringComparison.Ordinal);
        Assert.DoesNotContain(FakeCoordinator.Token, _observer.Log, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(_directory.Path))
        {
            Assert.DoesNotContain(FakeCoordinator.Token, await File.ReadAllTextAsync(file), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("die", "rank 1 (worker-1) was killed (SIGKILL)")]
    [InlineData("hang", "rank 1 (worker-1) was not heard of for 3 s")]
    public async Task A_worker_that_is_lost_is_replaced_and_no_step_is_lost(string behaviour, string warning)
    {
        var options = Options(behaviour, workers: 3);
        var outcome = await new LocalRun(options with { Spec = options.Spec with { Timeouts = new RunTimeouts { Heartbeat = TimeSpan.FromSeconds(3) } } }).RunAsync();

        Assert.True(outcome.Kind == OutcomeKind.Completed, outcome.Message + "\n" + _observer.Log);
        Assert.Contains(_observer.Warnings, text => text.StartsWith(warning, StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(1, FakeWorker.Steps), _observer.Metrics.Select(metrics => (int)metrics.Step));
        var entries = FileRunLedger.Read(_directory.File("ledger.jsonl")).ToList();
        Assert.Equal(Enumerable.Range(1, FakeWorker.Steps), entries.Where(entry => entry.Step is not null).Select(entry => (int)entry.Step!.Metrics.Step));
        Assert.Equal((2, 4, 3), entries.Last(entry => entry.Generation is not null).Generation is { } last ? (last.Generation, last.StartStep, last.Workers.Count) : default);
        AssertNoneLeft(_observer.States);
    }

    [Fact]
    public async Task What_a_worker_reports_is_the_message_and_a_survivor_saves()
    {
        var outcome = await RunAsync(2, "fail");
        Assert.Equal($"rank 1 (worker-1): bad data at step 5; resumable from step 4: cliptrain resume {_directory.Path}", outcome.Message);
    }

    [Fact]
    public async Task A_program_that_exits_fails_the_run_with_its_last_words()
    {
        var options = Options("complete") with { Launch = _ => new WorkerLaunch("/bin/sh", ["-c", "echo 'no such device' >&2; exit 7"]) };
        var outcome = await new LocalRun(options).RunAsync();

        Assert.Matches("^worker-[01] exited with code 7 before the run was formed\n  \\| no such device\nno checkpoint was written$", outcome.Message);
    }

    [Fact]
    public async Task A_stop_ends_the_run_at_a_checkpoint()
    {
        var run = new LocalRun(Options("endless"));
        var running = run.RunAsync();
        await _observer.WhenAsync(() => !_observer.Metrics.IsEmpty);
        run.RequestStop("Ctrl-C");
        var outcome = await running;

        Assert.Equal(OutcomeKind.Stopped, outcome.Kind);
        Assert.Equal($"stopped by Ctrl-C; resumable from step {outcome.LastCheckpoint!.Step}: cliptrain resume {_directory.Path}", outcome.Message);
        AssertNoneLeft(_observer.States);
    }

    [Theory]
    [InlineData("-INT")]
    [InlineData("-TERM")]
    public async Task A_signal_to_all_processes_leaves_the_workers_able_to_stop_at_a_checkpoint(string signal)
    {
        var run = new LocalRun(Options("endless"));
        var running = run.RunAsync();
        await _observer.WhenAsync(() => !_observer.Metrics.IsEmpty);
        using (var kill = Process.Start("kill", [signal, .. _observer.States.Last().Members.Select(member => $"{member.ProcessId}")]))
        {
            await kill.WaitForExitAsync();
        }

        run.RequestStop("a signal");
        var outcome = await running;

        Assert.True(outcome.Kind == OutcomeKind.Stopped, outcome.Message);
        Assert.NotNull(outcome.LastCheckpoint);
    }

    [Fact]
    public async Task A_second_stop_ends_the_run_at_once()
    {
        var run = new LocalRun(Options("endless"));
        var running = run.RunAsync();
        await _observer.WhenAsync(() => !_observer.Metrics.IsEmpty);
        run.RequestStop("Ctrl-C");
        run.RequestStop("Ctrl-C");
        var outcome = await running;

        Assert.Equal(OutcomeKind.Stopped, outcome.Kind);
        AssertNoneLeft(_observer.States);
    }

    [Fact]
    public async Task A_stop_before_the_start_ends_the_run()
    {
        var run = new LocalRun(Options("endless"));
        run.RequestStop("Ctrl-C");
        Assert.Equal("stopped at once by Ctrl-C; no checkpoint was written", (await run.RunAsync()).Message);
    }

    [Fact]
    public async Task Cancelling_leaves_no_worker()
    {
        using var cancel = new CancellationTokenSource();
        var running = new LocalRun(Options("endless")).RunAsync(cancel.Token);
        await _observer.WhenAsync(() => !_observer.Metrics.IsEmpty);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        AssertNoneLeft(_observer.States);
    }

    [Fact]
    public async Task Workers_end_when_their_coordinator_is_killed_and_its_state_can_be_read()
    {
        using var coordinator = Process.Start(new ProcessStartInfo("dotnet", [typeof(LocalRunTests).Assembly.Location, "coordinator", _directory.Path]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var workers = new List<Process>();
        while (await coordinator.StandardOutput.ReadLineAsync() is { } line && line != "ready")
        {
            workers.Add(Process.GetProcessById(int.Parse(line)));
        }

        Assert.Equal(2, workers.Count);
        coordinator.Kill();
        await Task.WhenAll(workers.Select(worker => worker.WaitForExitAsync()));

        var state = ReadState();
        Assert.Equal(RunPhase.Running, state.Phase);
        AssertNoneLeft([state]);
    }

    internal static LocalRunOptions Options(string directory, int workers, string behaviour, IRunObserver observer, IRunLedger ledger) => new()
    {
        Spec = RunScript.Spec(workers) with { ResumeAs = directory },
        Journal = new FileRunJournal(Path.Combine(directory, "journal.jsonl")),
        Ledger = ledger,
        Host = new CoordinatorHostOptions { Token = FakeCoordinator.Token },
        Observer = observer,
        Launch = _ => new WorkerLaunch("dotnet", [typeof(LocalRunTests).Assembly.Location, "worker", behaviour]),
    };

    private LocalRunOptions Options(string behaviour, int workers = 2) => Options(_directory.Path, workers, behaviour, _observer, _ledger);

    private Task<RunOutcome> RunAsync(int workers, string behaviour) => new LocalRun(Options(behaviour, workers)).RunAsync();

    private RunState ReadState() => FileRunJournal.Read(_directory.File("journal.jsonl"))!;

    /// <summary>No worker process that the run ever had.</summary>
    private static void AssertNoneLeft(IEnumerable<RunState> states)
    {
        var processes = states.SelectMany(state => state.Members).Select(member => member.ProcessId).OfType<int>().ToHashSet();
        Assert.NotEmpty(processes);
        Assert.All(processes, id => Assert.Throws<ArgumentException>(() => Process.GetProcessById(id)));
    }
}
