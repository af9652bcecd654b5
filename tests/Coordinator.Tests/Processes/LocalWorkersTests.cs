using System.Collections.Concurrent;
using System.IO.Pipes;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Tests.Grains;

namespace ClipTrain.Coordinator.Tests.Processes;

public sealed class LocalWorkersTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);
    private readonly ManualTimeProvider _time = new();
    private readonly RecordingObserver _observer = new();
    private readonly ConcurrentQueue<ProcessExit> _exits = [];
    private readonly List<(string Worker, int Slot)> _slots = [];
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task An_exit_is_told_with_its_code_and_the_last_lines_of_standard_error()
    {
        await using var workers = Start("for i in $(seq 1 50); do echo error $i >&2; done; echo output; exit 7");
        var exited = await _exit.Task;

        Assert.Equal(7, exited.Code);
        Assert.Equal(Enumerable.Range(11, 40).Select(i => $"error {i}"), exited.LastLines);
        Assert.Equal(50, _observer.Lines.Count(line => line.IsError));
        Assert.Equal("[worker-0] output", Assert.Single(_observer.Lines, line => !line.IsError).ToString());
    }

    [Fact]
    public async Task A_worker_that_is_killed_shows_the_signal()
    {
        await using var workers = Start("echo ready; while read x; do :; done");
        await ReadyAsync();
        workers.Kill("worker-0");
        Assert.Equal(137, (await _exit.Task).Code);
        workers.Kill("worker-0");
        workers.Kill("worker-1");
    }

    [Fact]
    public async Task A_worker_that_kills_itself_shows_the_signal()
    {
        await using var workers = Start("kill -SEGV $$");
        Assert.Equal(139, (await _exit.Task).Code);
    }

    [Fact]
    public async Task An_abort_in_native_code_is_told_with_its_message_however_deep_its_stack()
    {
        await using var workers = Start(
            "echo '  what():  mat1 and mat2 shapes cannot be multiplied' >&2; for i in $(seq 0 60); do echo \"frame #$i: at::native::mm "
                + "+ 0x54\" >&2; done; echo 'frame #61: THSTensor_mm + 0x26 (0x7f in libLibTorchSharp.so)' >&2; kill -ABRT $$"
        );
        var exited = await _exit.Task;

        Assert.Equal(134, exited.Code);
        Assert.Equal(
            ["  what():  mat1 and mat2 shapes cannot be multiplied", "frame #61: THSTensor_mm + 0x26 (0x7f in libLibTorchSharp.so)"],
            exited.LastLines
        );
        Assert.Equal(63, _observer.Lines.Count);
    }

    [Fact]
    public async Task A_program_that_does_not_exist_shows_as_an_exit_with_the_reason()
    {
        await using var workers = Workers(new WorkerLaunch("/no/such/program", []));
        workers.Start("worker-0", 1);
        var exited = await _exit.Task;
        Assert.Equal(127, exited.Code);
        Assert.Contains("/no/such/program", Assert.Single(exited.LastLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dismissed_worker_may_end_by_itself_within_the_grace_time()
    {
        using var directory = new TemporaryDirectory();
        var go = directory.File("go");
        await using var workers = Start($"echo ready; until [ -e {go} ]; do sleep 0.02; done; exit 6");
        await ReadyAsync();
        workers.Dismiss("worker-0");
        await _time.WhenTimerRunsAsync(Grace);
        await File.WriteAllTextAsync(go, "");
        Assert.Equal(6, (await _exit.Task).Code);
    }

    [Fact]
    public async Task A_dismissed_worker_is_asked_by_the_end_of_its_input_after_the_grace_time()
    {
        await using var workers = Start("trap '' TERM; echo ready; while read x; do :; done; exit 3");
        await ReadyAsync();
        var dismissed = workers.DismissAllAsync();
        await _time.WhenTimerRunsAsync(Grace);
        _time.Advance(Grace);
        await dismissed;
        Assert.Equal(3, (await _exit.Task).Code);
    }

    [Fact]
    public async Task A_worker_that_heeds_nothing_is_killed()
    {
        await using var workers = Start("trap '' TERM; echo ready; while :; do sleep 0.05; done");
        await ReadyAsync();
        var dismissed = workers.DismissAllAsync();
        await _time.WhenTimerRunsAsync(Grace);
        _time.Advance(Grace);
        await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(5));
        _time.Advance(TimeSpan.FromSeconds(5));
        await dismissed;
        Assert.Equal(137, (await _exit.Task).Code);
    }

    [Fact]
    public async Task No_worker_outlives_its_owner()
    {
        var workers = Start("echo ready; while :; do sleep 0.05; done");
        await ReadyAsync();
        await workers.DisposeAsync();
        Assert.Equal(137, Assert.Single(_exits).Code);
        workers.Start("worker-1", 1);
        Assert.Single(_exits);
    }

    [Fact]
    public async Task A_secret_goes_by_the_environment_and_is_on_no_command_line()
    {
        await using var workers = Start(
            "tr '\\0' ' ' < /proc/$$/cmdline; echo; echo $CLIPTRAIN_TOKEN $EXTRA",
            new Dictionary<string, string> { ["CLIPTRAIN_TOKEN"] = "s3cret", ["EXTRA"] = "more" }
        );
        await _exit.Task;
        var lines = _observer.Lines.Select(line => line.Text).ToList();
        Assert.StartsWith("/bin/sh -c", lines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", lines[0], StringComparison.Ordinal);
        Assert.Equal("s3cret more", lines[1]);
    }

    [Fact]
    public async Task A_grandchild_that_keeps_the_pipes_open_does_not_hide_the_exit()
    {
        await using var workers = Start("sleep 20 & echo $!; exit 5");
        await _observer.WhenAsync(() => _observer.Lines.Count == 1);
        await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(5, (await _exit.Task).Code);
        System.Diagnostics.Process.GetProcessById(int.Parse(_observer.Lines.Single().Text)).Kill();
    }

    [Fact]
    public async Task The_watch_tells_when_the_parent_closes_the_pipe()
    {
        using var parent = new AnonymousPipeServerStream(PipeDirection.Out);
        var child = new AnonymousPipeClientStream(PipeDirection.In, parent.ClientSafePipeHandle);
        var ended = new TaskCompletionSource();
        using var watch = ParentWatch.Start(child, ended.SetResult);
        Assert.False(ended.Task.IsCompleted);
        parent.Dispose();
        await ended.Task;
    }

    [Fact]
    public async Task A_worker_that_has_ended_is_started_again_under_its_name()
    {
        using var directory = new TemporaryDirectory();
        var mark = directory.File("mark");
        await using var workers = Start($"[ -e {mark} ] && exit 2; touch {mark}; exit 1");
        Assert.Equal(1, (await _exit.Task).Code);
        workers.Start("worker-0", 2);
        await workers.DismissAllAsync();
        Assert.Equal([1, 2], _exits.Select(exit => exit.Code));
    }

    [Fact]
    public async Task A_worker_that_lives_is_ended_before_it_is_started_again()
    {
        await using var workers = Start("echo ready; while read x; do :; done");
        await ReadyAsync();
        workers.Start("worker-0", 2);
        await _observer.WhenAsync(() => _observer.Lines.Count == 2);
        workers.Kill("worker-0");
        await workers.DismissAllAsync();
        Assert.Equal([137, 137], _exits.Select(exit => exit.Code));
    }

    [Fact]
    public async Task A_worker_that_is_ended_while_it_waits_for_its_earlier_process_does_not_begin()
    {
        // The orphan holds the pipes, so that the end of the first process shows only when the clock moves.
        await using var workers = Start("(sleep 5 &); echo ready; while read x; do :; done");
        await ReadyAsync();
        workers.Start("worker-0", 2);
        workers.Kill("worker-0");
        await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(2));
        await workers.DismissAllAsync();
        Assert.Equal([137, 137], _exits.Select(exit => exit.Code));
        Assert.Single(_observer.Lines);
    }

    [Fact]
    public async Task A_process_gets_the_lowest_slot_that_no_other_has()
    {
        await using var workers = Workers(new WorkerLaunch("/bin/sh", ["-c", "while read x; do :; done"]));
        workers.Start("worker-3", 1);
        workers.Start("worker-8", 1);
        workers.Kill("worker-3");
        await _exit.Task;
        workers.Start("worker-4", 1);
        workers.Start("worker-2", 1);
        Assert.Equal([("worker-3", 0), ("worker-8", 1), ("worker-4", 0), ("worker-2", 2)], _slots);
    }

    private LocalWorkers Start(string script, IReadOnlyDictionary<string, string>? environment = null)
    {
        var launch = new WorkerLaunch("/bin/sh", ["-c", script]);
        var workers = Workers(environment is null ? launch : launch with { Environment = environment });
        workers.Start("worker-0", 1);
        return workers;
    }

    private LocalWorkers Workers(WorkerLaunch launch) => new(Launch(launch), _observer.OnWorkerLine, Exited, Grace, _time);

    private Func<WorkerStart, WorkerLaunch> Launch(WorkerLaunch launch) =>
        start =>
        {
            _slots.Add((start.WorkerId, start.Slot));
            return launch;
        };

    private Task ReadyAsync() => _observer.WhenAsync(() => !_observer.Lines.IsEmpty);

    private Task Exited(string workerId, int start, ProcessExit exit)
    {
        _exits.Enqueue(exit);
        _exit.TrySetResult(exit);
        return Task.CompletedTask;
    }
}
