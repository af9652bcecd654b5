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
