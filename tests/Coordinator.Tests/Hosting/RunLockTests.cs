using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class RunLockTests
{
    [Fact]
    public void A_second_coordinator_is_refused_while_the_first_lives_and_told_which_it_is()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("coordinator.lock");
        var first = RunLock.Acquire(path, new ManualTimeProvider());

        var error = Assert.Throws<CoordinatorStartException>(() => RunLock.Acquire(path, TimeProvider.System));
        Assert.Equal($"{path} is held by another coordinator of this run: process {Environment.ProcessId} on {Environment.MachineName} since 2030-01-01 00:00:00 UTC. End that one first.", error.Message);

        first.Dispose();
        RunLock.Acquire(path, TimeProvider.System).Dispose();
    }
}
