using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Tests.Storage;

public sealed class RunLockTests : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly TemporaryDirectory _directory = new();
    private readonly ManualTimeProvider _time = new();

    private string Path => _directory.File("coordinator.lock");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_second_coordinator_is_refused_while_the_first_lives_and_told_which_it_is()
    {
        var first = RunLock.Acquire(Path, _time);

        var error = Assert.Throws<CoordinatorStartException>(() => RunLock.Acquire(Path, TimeProvider.System));
        Assert.Equal(
            $"{Path} is held by another coordinator of this run: process {Environment.ProcessId} on {Environment.MachineName} since "
                + "2030-01-01 00:00:00 UTC. End that one first.",
            error.Message
        );

        first.Dispose();
        RunLock.Acquire(Path, TimeProvider.System).Dispose();
    }

    [Fact]
    public void Looking_whether_a_lock_is_held_does_not_take_it()
    {
        Assert.False(RunLock.IsHeld(Path));
        Assert.False(RunLock.IsHeld(_directory.File("no folder/coordinator.lock")));
        Assert.False(File.Exists(Path));
        using (RunLock.Acquire(Path, _time))
        {
            Assert.True(RunLock.IsHeld(Path));
        }

        // The file of an owner that has gone says nothing.
        Assert.True(File.Exists(Path));
        Assert.False(RunLock.IsHeld(Path));
        Assert.Contains($"{Environment.ProcessId}", File.ReadAllText(Path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_looks_is_not_in_the_way_of_whoever_acquires()
    {
        File.WriteAllText(Path, "4711 on elsewhere since 1999-01-01 00:00:00 UTC\n");
        using var stop = new CancellationTokenSource();
        var looks = Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(Look, TaskCreationOptions.LongRunning)).ToArray();
        try
        {
            for (var i = 0; i < 2000; i++)
            {
                RunLock.Acquire(Path, _time).Dispose();
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(looks);
        }

        void Look()
        {
            while (!stop.IsCancellationRequested)
            {
                _ = RunLock.IsHeld(Path);
            }
        }
    }

    [Fact]
    public async Task Children_that_the_owner_starts_do_not_keep_the_lock()
    {
        using var stop = new CancellationTokenSource();
        var starts = Task.Factory.StartNew(StartChildren, TaskCreationOptions.LongRunning);
        try
        {
            for (var i = 0; i < 2000; i++)
            {
                RunLock.Acquire(Path, _time).Dispose();
            }
        }
        finally
        {
            await stop.CancelAsync();
            await starts;
        }

        void StartChildren()
        {
            while (!stop.IsCancellationRequested)
            {
                using var child = Process.Start("true");
                child.WaitForExit();
            }
        }
    }

    [Fact]
    public async Task Of_many_that_acquire_at_once_one_does_and_the_others_name_it()
    {
        for (var round = 0; round < 100; round++)
        {
            File.WriteAllText(Path, "4711 on elsewhere since 1999-01-01 00:00:00 UTC\n");
            using var start = new Barrier(4);
            var all = await Task.WhenAll(
                Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(() => Contend(start), TaskCreationOptions.LongRunning))
            );
            Assert.Single(all, answer => answer is null);
            Assert.All(
                all.OfType<string>(),
                answer => Assert.Contains($"process {Environment.ProcessId} on", answer, StringComparison.Ordinal)
            );
        }

        string? Contend(Barrier start)
        {
            start.SignalAndWait();
            try
            {
                using var taken = RunLock.Acquire(Path, _time);
                start.SignalAndWait();
                return null;
            }
            catch (CoordinatorStartException refused)
            {
                start.SignalAndWait();
                return refused.Message;
            }
        }
    }

    [Fact]
    public void A_lock_that_is_a_folder_is_named()
    {
        Directory.CreateDirectory(Path);

        Assert.StartsWith(
            $"{Path} is a folder",
            Assert.Throws<CoordinatorStartException>(() => RunLock.Acquire(Path, _time)).Message,
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            $"{Path} is a folder",
            Assert.Throws<CoordinatorStartException>(() => RunLock.IsHeld(Path)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Who_waits_for_a_lock_has_it_soon_after_its_owner_lets_go()
    {
        var first = RunLock.Acquire(Path, _time);
        var second = RunLock.WaitAsync(Path, _time, new TaskCompletionSource().Task);
        await _time.WhenTimerRunsAsync(Retry);
        _time.Advance(Retry);
        await _time.WhenTimerRunsAsync(Retry);
        Assert.False(second.IsCompleted);

        first.Dispose();
        _time.Advance(Retry);

        using (await second)
        {
            Assert.True(RunLock.IsHeld(Path));
        }
    }

    [Fact]
    public async Task Who_waits_for_a_lock_gives_up_when_told_to()
    {
        using var first = RunLock.Acquire(Path, _time);
        var until = new TaskCompletionSource();
        var second = RunLock.WaitAsync(Path, _time, until.Task);
        await _time.WhenTimerRunsAsync(Retry);
        until.SetResult();
        Assert.Null(await second);
    }
}
