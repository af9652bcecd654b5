using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Tests;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class PoolSweepTests : IDisposable
{
    private const string Cluster = "cliptrain-1";

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1),
        Pause = TimeSpan.FromMilliseconds(250);

    private readonly TemporaryFolder _folder = new();
    private readonly FakePool _pool = new();
    private readonly ManualTimeProvider _time = new();
    private readonly List<string> _told = [];
    private readonly OpenedSweep _opened;

    public PoolSweepTests()
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: widths
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            folder: {{_folder.File("widths")}}
            axes: [{ training.steps: [10, 20] }]
            """
        );
        _opened = OpenedSweep.Open(file);
    }

    private string First => _opened.Trials[0].Id;

    private string Second => _opened.Trials[1].Id;

    private string RecordOfFirst => Path.Combine(_opened.Folder.Path, "records", $"{First}.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Leaving_while_stopped_trials_end_submits_nothing()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token);
        _pool.Start(First);
        _pool.Start(Second);
        _pool.Stop();
        await leave.CancelAsync();
        Assert.False(await run);

        using var leaveWait = new CancellationTokenSource();
        run = RunAsync(leaveWait.Token);
        await PollAsync(run);
        Assert.Single(_told, line => line == "waiting for 2 trials to stop at a checkpoint");
        await leaveWait.CancelAsync();
        Assert.False(await run);
        Assert.Single(_pool.Experiments);
    }

    [Fact]
    public async Task What_a_trial_used_before_and_after_a_stop_adds_up_however_often_it_is_looked_at()
    {
        var run = RunAsync(First);
        _pool.Start(First);
        await PollAsync(run);
        _pool.Stop();
        await PollAsync(run);
        _pool.End(First, TrialEndKind.Stopped, seconds: 100);
        await PollAsync(run);
        Assert.False(await run);
        AssertUsed(attempts: 1, seconds: 100);

        run = RunAsync(First);
        AssertUsed(attempts: 1, seconds: 100);
        _pool.Start(First);
        await PollAsync(run);
        await PollAsync(run);
        AssertUsed(attempts: 2, seconds: 100);
        _pool.End(First, TrialEndKind.Failed, seconds: 20);
        _pool.Start(First);
        await PollAsync(run);
        await PollAsync(run);
        AssertUsed(attempts: 3, seconds: 120);
        _pool.End(First, TrialEndKind.Completed, seconds: 40);
        await PollAsync(run);
        Assert.True(await run);
        AssertUsed(attempts: 3, seconds: 160);
        Assert.Equal(2, _pool.Experiments.Count);
    }

    [Fact]
    public async Task A_process_that_watches_again_counts_nothing_twice()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token);
        _pool.Start(First);
        _pool.End(First, TrialEndKind.Failed, seconds: 20);
        await PollAsync(run);
        await leave.CancelAsync();
        Assert.False(await run);
        AssertUsed(attempts: 2, seconds: 20);

        run = RunAsync(First);
        await PollAsync(run);
        AssertUsed(attempts: 2, seconds: 20);
        _pool.Start(First);
        _pool.End(First, TrialEndKind.Completed, seconds: 30);
        await PollAsync(run);
        Assert.True(await run);
        AssertUsed(attempts: 2, seconds: 50);
    }

    [Fact]
    public async Task A_record_that_names_no_experiment_is_continued()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(RecordOfFirst)!);
        File.WriteAllText(
            RecordOfFirst,
            $$"""
            { "id": "{{First}}", "state": "begun", "labels": {}, "attempts": 1, "core_seconds": 30.5,
              "started": "2029-01-01T00:00:00+00:00", "ended": null, "reason": null, "figures": {} }
            """
        );
        var run = RunAsync(First);
        _pool.Start(First);
        _pool.End(First, TrialEndKind.Completed, seconds: 60);
        await PollAsync(run);
        Assert.True(await run);
        AssertUsed(attempts: 2, seconds: 90.5);
        Assert.Equal(2029, _opened.Folder.Read(First).Started!.Value.Year);
    }

    [Fact]
    public async Task Trials_for_an_experiment_that_ends_at_that_moment_go_to_another_once_its_own_have_stopped()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token, First);
        _pool.Start(First);
        await leave.CancelAsync();
        Assert.False(await run);

        _pool.OnSubmit = _ =>
        {
            _pool.OnSubmit = _ => { };
            _pool.Stop();
        };
        run = RunAsync();
        await PollAsync(run);
        Assert.Single(_pool.Experiments);
        Assert.Contains("waiting for 1 trial to stop at a checkpoint", _told, StringComparer.Ordinal);
        _pool.End(First, TrialEndKind.Stopped, seconds: 100);
        await PollAsync(run);
        Assert.Equal([First, Second], _pool.Experiments[1].Trials.Select(trial => trial.Spec.Id), StringComparer.Ordinal);
        foreach (var trial in new[] { First, Second })
        {
            _pool.Start(trial);
            _pool.End(trial, TrialEndKind.Completed, seconds: 60);
        }

        await PollAsync(run);
        Assert.True(await run);
    }

    [Fact]
    public async Task A_pool_that_keeps_refusing_is_a_clear_error()
    {
        _pool.OnSubmit = spec => throw new CoordinatorRefusedException("the trial's id is taken");
        var error = await Assert.ThrowsAsync<ExperimentException>(() => RunAsync());
        Assert.StartsWith(_opened.Sweep.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("`cliptrain sweep stop`", error.Message, StringComparison.Ordinal);
        Assert.Contains("the trial's id is taken", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pool_that_has_lost_its_state_is_said_to_have()
    {
        var run = RunAsync();
        _pool.Start(First);
        await PollAsync(run);
        _pool.Lose();
        await PollAsync(run);
        var (message, exit) = Failure.Of((await Record.ExceptionAsync(() => run))!)!.Value;
        Assert.Equal(ExitCodes.WorkerLost, exit);
        Assert.StartsWith("The pool has lost its state, and with it this sweep's trials", message, StringComparison.Ordinal);

        run = RunAsync();
        Assert.Equal(2, Assert.Single(_pool.Experiments).Trials.Count);
    }

    [Fact]
    public async Task A_pool_that_does_not_answer_is_waited_for_and_left_at_once_when_asked_to()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token);
        _pool.Start(First);
        await PollAsync(run);
        _pool.IsAbsent = true;
        _time.Advance(Poll);
        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromMinutes(9); passed += Pause)
        {
            await Task.WhenAny(run, _time.WhenTimerRunsAsync(Pause));
            _time.Advance(Pause);
        }

        Assert.False(run.IsCompleted);
        Assert.Single(_told, line => line.StartsWith("the pool does not answer; its nodes go on", StringComparison.Ordinal));
        Assert.DoesNotContain(_told, line => line == "the pool answers again");
        _pool.IsAbsent = false;
        _pool.End(First, TrialEndKind.Completed, seconds: 60);
        await _time.WhenTimerRunsAsync(Pause);
        _time.Advance(Pause);
        await PollAsync(run);
        Assert.Equal(TrialState.Done, _opened.Folder.Read(First).State);
        Assert.Single(_told, "the pool answers again");

        _pool.IsAbsent = true;
        _time.Advance(Poll);
        await _time.WhenTimerRunsAsync(Pause);
        await leave.CancelAsync();
        Assert.False(await run);
    }

    [Fact]
    public async Task A_sweep_that_another_pool_may_still_run_is_refused_with_the_way_to_go_on()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token);
        _pool.Start(First);
        await leave.CancelAsync();
        Assert.False(await run);

        var second = new PoolSweep(_opened, Experiment("cliptrain-2"), _told.Add, _time);
        _pool.Lose();
        var error = await Assert.ThrowsAsync<ExperimentException>(() => second.RunAsync(_opened.Trials, CancellationToken.None));
        Assert.StartsWith(_opened.Sweep.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("another pool was given this sweep and may still run its trials", error.Message, StringComparison.Ordinal);
        Assert.Contains($"delete {_opened.Folder.Experiment}", error.Message, StringComparison.Ordinal);
        Assert.Empty(_pool.Experiments);

        File.Delete(_opened.Folder.Experiment);
        using var leaveSecond = new CancellationTokenSource();
        run = second.RunAsync(_opened.Trials, leaveSecond.Token);
        Assert.Equal(2, Assert.Single(_pool.Experiments).Trials.Count);
        await leaveSecond.CancelAsync();
        Assert.False(await run);
    }

    [Fact]
    public async Task A_trial_that_fails_again_in_another_experiment_is_told_again()
    {
        for (var time = 1; time <= 2; time++)
        {
            var run = RunAsync(First);

            // All attempts are over before the next look.
            for (var attempt = 0; attempt <= _opened.Sweep.Retries; attempt++)
            {
                _pool.Start(First);
                _pool.End(First, TrialEndKind.Failed, seconds: 20);
            }

            await PollAsync(run);
            Assert.False(await run);
            Assert.Equal(time, _told.Count(line => line.StartsWith($"{First} failed and will be retried", StringComparison.Ordinal)));
            Assert.Equal(time, _told.Count(line => line.StartsWith($"{First} failed (", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task When_a_trial_has_lost_the_only_machine_it_is_told_why_nothing_runs()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token, First);
        _pool.Start(First);
        await PollAsync(run);
        _pool.End(First, TrialEndKind.DevicesLost, seconds: 20);
        await PollAsync(run);
        Assert.StartsWith($"{First} returns to the queue", _told[^1], StringComparison.Ordinal);

        _pool.Wait(First, "waits for 1 device; the nodes present cannot hold it: the pool currently has 0");
        await PollAsync(run);
        await PollAsync(run);
        Assert.Single(_told, $"{First} waits for 1 device; the nodes present cannot hold it: the pool currently has 0");
        await leave.CancelAsync();
        Assert.False(await run);
    }

    [Fact]
    public async Task Records_are_read_once_and_written_when_they_change()
    {
        using var leave = new CancellationTokenSource();
        var run = RunAsync(leave.Token);
        _pool.Start(First);
        await PollAsync(run);
        File.WriteAllText(RecordOfFirst, "as it was");
        await PollAsync(run);
        Assert.Equal("as it was", File.ReadAllText(RecordOfFirst));

        _pool.End(First, TrialEndKind.Completed, seconds: 60);
        await PollAsync(run);
        Assert.Equal(TrialState.Done, _opened.Folder.Read(First).State);
        Assert.Single(_told, line => line.StartsWith($"{First} starts on node, cpu:0", StringComparison.Ordinal));
        File.WriteAllText(RecordOfFirst, "as it was");
        await PollAsync(run);
        Assert.Equal("as it was", File.ReadAllText(RecordOfFirst));
        Assert.Single(_told, line => line.StartsWith($"{First} done", StringComparison.Ordinal));
        await leave.CancelAsync();
        Assert.False(await run);
    }

    [Fact]
    public async Task Status_shows_what_the_pool_runs_and_writes_nothing()
    {
        var run = RunAsync();
        _pool.Start(First);
        _pool.Start(Second);

        // The process of `sweep run` has seen a newer state than this one.
        _opened.Folder.Write(new TrialRecord { Id = First, State = TrialState.Done });
        var before = File.ReadAllText(RecordOfFirst);
        var experiment = Experiment(Cluster);
        await SweepStatus.PrintAsync(_opened, experiment);
        Assert.Equal(before, File.ReadAllText(RecordOfFirst));
        Assert.Equal([RecordOfFirst], Directory.GetFiles(Path.GetDirectoryName(RecordOfFirst)!));
        Assert.Equal(
            [TrialState.Done, TrialState.Begun],
            PoolRecords.Of(_opened, await experiment.StateAsync()).Select(record => record.State)
        );
    }

    private Task<bool> RunAsync(params string[] ids) => RunAsync(CancellationToken.None, ids);

    /// <summary>Runs the trials with these ids, by default all, as a new process.</summary>
    private Task<bool> RunAsync(CancellationToken leave, params string[] ids) =>
        new PoolSweep(_opened, Experiment(Cluster), _told.Add, _time).RunAsync(
            [.. _opened.Trials.Where(trial => ids.Length == 0 || ids.Contains(trial.Id, StringComparer.Ordinal))],
            leave
        );

    private PoolExperiment Experiment(string cluster) => new(_opened, _pool.Grains, cluster, _time);

    /// <summary>Lets a run look at the pool once more.</summary>
    private async Task PollAsync(Task run)
    {
        await _time.WhenTimerRunsAsync(Poll);
        _time.Advance(Poll);
        await Task.WhenAny(run, _time.WhenTimerRunsAsync(Poll));
    }

    private void AssertUsed(int attempts, double seconds)
    {
        var record = _opened.Folder.Read(First);
        Assert.Equal(attempts, record.Attempts);
        Assert.Equal(seconds, record.CoreSeconds);
    }
}
