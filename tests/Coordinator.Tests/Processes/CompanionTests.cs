using System.Diagnostics;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Tests.Grains;

namespace ClipTrain.Coordinator.Tests.Processes;

public sealed class CompanionTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5),
        Pause = TimeSpan.FromSeconds(1);

    private readonly TemporaryDirectory _directory = new();
    private readonly ManualTimeProvider _time = new();
    private readonly RecordingObserver _observer = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_process_that_ends_before_its_time_is_started_again_after_a_pause()
    {
        await using var companion = Start("echo ready", () => true);
        await LinesAsync(1);
        await _time.WhenTimerRunsAsync(Pause).WaitAsync(Limit);
        Assert.Single(_observer.Lines);

        _time.Advance(Pause);

        await LinesAsync(2);
        Assert.All(_observer.Lines, line => Assert.Equal("[standby] ready", line.ToString()));
    }

    [Fact]
    public async Task A_process_that_is_not_wanted_is_not_started_until_it_is()
    {
        var isWanted = false;
        var asked = new SemaphoreSlim(0);
        await using var companion = Start(
            "echo ready; read x",
            () =>
            {
                asked.Release();
                return Volatile.Read(ref isWanted);
            }
        );
        for (var time = 0; time < 2; time++)
        {
            await asked.WaitAsync(Limit);
            await _time.WhenTimerRunsAsync(Pause).WaitAsync(Limit);
            Assert.Empty(_observer.Lines);
            Volatile.Write(ref isWanted, time == 1);
            _time.Advance(Pause);
        }

        await LinesAsync(1);
    }

    [Fact]
    public async Task A_process_that_fails_again_and_again_is_told_as_failing_and_is_still_started()
    {
        // A program that starts would have timers of its own.
        await using var companion = Start(new WorkerLaunch("/no/such/program", []), () => true);
        var pause = Pause;
        for (var start = 1; start <= 5; start++)
        {
            await _time.WhenTimerRunsAsync(pause).WaitAsync(Limit);
            Assert.Equal(start == 5, companion.Failing.IsCompleted);
            _time.Advance(pause);
            pause *= 2;
        }

        Assert.Contains("/no/such/program", await companion.Failing, StringComparison.Ordinal);
        await LinesAsync(6);
    }

    [Fact]
    public async Task A_process_that_fails_whenever_its_own_patience_has_ended_is_told_as_failing()
    {
        var starts = 0;
        await using var companion = Start(
            new WorkerLaunch("/no/such/program", []),
            () =>
            {
                // What the start and the wait for a coordinator take.
                _time.Advance(TimeSpan.FromSeconds(30 + (2 * ++starts)));
                return true;
            }
        );
        for (var (start, pause) = (1, Pause); start <= 5; start++, pause *= 2)
        {
            await _time.WhenTimerRunsAsync(pause).WaitAsync(Limit);
            Assert.Equal(start == 5, companion.Failing.IsCompleted);
            _time.Advance(pause);
        }
    }

    [Fact]
    public async Task A_program_that_cannot_start_and_a_lock_that_cannot_be_read_do_not_end_the_watch()
    {
        var asked = 0;
        await using var companion = Start(
            "echo ready; read x",
            () => Interlocked.Increment(ref asked) > 1 ? true : throw new IOException("The lock cannot be read.")
        );
        await _time.WhenTimerRunsAsync(Pause).WaitAsync(Limit);
        Assert.Equal("[standby] The lock cannot be read.", Assert.Single(_observer.Lines).ToString());
        _time.Advance(Pause);
        await LinesAsync(2);
    }

    [Fact]
    public async Task At_the_end_the_process_may_end_by_itself_and_no_other_is_started()
    {
        var go = _directory.File("go");
        await using var companion = Start($"echo ready; until [ -e {go} ]; do sleep 0.02; done; echo done", () => true);
        await LinesAsync(1);
        var ended = companion.EndAsync(TimeSpan.FromSeconds(30));
        await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(30)).WaitAsync(Limit);
        Assert.False(ended.IsCompleted);
        await File.WriteAllTextAsync(go, "");
        await ended.WaitAsync(Limit);
        Assert.Equal(["ready", "done"], _observer.Lines.Select(line => line.Text));
    }

    [Fact]
    public async Task At_the_end_a_process_that_does_not_end_is_ended()
    {
        await using var companion = Start("trap 'exit 1' TERM; echo ready; read x; echo ended", () => true);
        await LinesAsync(1);
        var ended = companion.EndAsync(TimeSpan.FromSeconds(30));
        await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(30)).WaitAsync(Limit);
        _time.Advance(TimeSpan.FromSeconds(30));
        await ended.WaitAsync(Limit);
        Assert.Equal("ready", _observer.Lines.First().Text);
    }

    [Fact]
    public async Task It_outlives_the_process_that_started_it()
    {
        var (go, done) = (_directory.File("go"), _directory.File("done"));
        using (var fifo = Process.Start("mkfifo", [go, done]))
        {
            await fifo.WaitForExitAsync();
        }

        using var parent = Process.Start(
            new ProcessStartInfo("dotnet", WatchedProcess.Arguments("companion", $"echo ready; read x < {go}; echo still here > {done}"))
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
            }
        )!;
        Assert.Equal("ready", await parent.StandardOutput.ReadLineAsync().WaitAsync(Limit));
        parent.Kill();
        await parent.WaitForExitAsync().WaitAsync(Limit);

        await Task.Run(() => File.WriteAllText(go, "go\n")).WaitAsync(Limit);
        Assert.Equal("still here\n", await Task.Run(() => File.ReadAllText(done)).WaitAsync(Limit));
    }

    private Companion Start(string script, Func<bool> isWanted) => Start(new WorkerLaunch("/bin/sh", ["-c", script]), isWanted);

    private Companion Start(WorkerLaunch launch, Func<bool> isWanted)
    {
        var companion = new Companion("standby", launch, isWanted, _observer.OnWorkerLine, _time);
        companion.Start();
        return companion;
    }

    private Task LinesAsync(int count) => _observer.WhenAsync(() => _observer.Lines.Count >= count).WaitAsync(Limit);
}
