using System.Globalization;
using System.Runtime.InteropServices;

namespace ClipTrain.EndToEnd.Tests.Cluster;

[Collection(HostCollection.Name)]
public sealed class CoordinatorDeathTests
{
    [NetworkFact]
    public async Task The_standby_of_a_killed_coordinator_hosts_the_run_and_a_command_stops_it()
    {
        using var cluster = new TinyCluster(2, "training.steps=100000", "cluster.workers=2");
        var coordinator = cluster.Coordinator();
        ProgramRun[] workers = [cluster.Worker(1), cluster.Worker(2)];
        await coordinator.Printed("step 3/");
        await coordinator.StandsBy(cluster.RunDirectory);
        coordinator.Kill();
        coordinator.WaitForExit();
        await cluster.Record.MoreSteps(20);

        var (exit, output) = cluster.Ask(2, "status");
        Assert.True(exit == 0, output);
        Assert.Contains("hosted by process", output, StringComparison.Ordinal);
        (exit, output) = cluster.Ask(2, "stop");
        Assert.True(exit == 0, output);
        Assert.All(workers, worker => worker.AssertExit(0));
        Assert.Single(cluster.Record.Generations);
        cluster.Record.AssertWhole();
    }

    [NetworkFact]
    public async Task Workers_keep_training_without_a_coordinator_and_the_same_command_hosts_the_run_again()
    {
        using var cluster = new TinyCluster(2, "training.steps=100000", "cluster.workers=2");
        var first = cluster.Coordinator();
        ProgramRun[] workers = [cluster.Worker(1), cluster.Worker(2)];
        await first.Printed("step 3/");
        first.KillWithStandby();
        first.WaitForExit();
        var recorded = cluster.Record.Steps.Count;

        var second = cluster.Coordinator();
        await second.Printed(" loss ");
        second.Signal(PosixSignal.SIGTERM);
        second.AssertExit(143);
        Assert.All(workers, worker => worker.AssertExit(0));

        Assert.Single(cluster.Record.Generations);
        Assert.True(cluster.Record.Steps.Count > recorded);
        cluster.Record.AssertWhole();
    }

    [NetworkFact]
    public async Task A_second_coordinator_on_another_machine_stands_by_and_outlives_the_first_machine()
    {
        using var cluster = new TinyCluster(2, "training.steps=100000", "cluster.workers=2");
        var first = cluster.Coordinator();
        const string bothMachines = $"{TinyCluster.Coordinators},10.77.0.2:7700";
        ProgramRun[] workers =
        [
            cluster.Join(1, bothMachines, "--token-file", "token"),
            cluster.Join(2, bothMachines, "--token-file", "token"),
        ];
        await first.Printed("step 3/");
        await first.StandsBy(cluster.RunDirectory);
        var second = cluster.Coordinator(host: 2);
        await second.StandsBy(cluster.RunDirectory, processes: 3);
        first.KillWithStandby();
        await cluster.Record.MoreSteps(20);

        second.Signal(PosixSignal.SIGTERM);
        second.AssertExit(143);
        Assert.All(workers, worker => worker.AssertExit(0));
        Assert.Single(cluster.Record.Generations);
        cluster.Record.AssertWhole();
    }

    [NetworkFact]
    public async Task A_coordinator_that_is_started_again_while_the_standby_takes_over_ends_with_the_run()
    {
        using var cluster = new TinyCluster(2, "training.steps=100000", "cluster.workers=2");
        var first = cluster.Coordinator();
        ProgramRun[] workers = [cluster.Worker(1), cluster.Worker(2)];
        await first.Printed("step 3/");
        await first.StandsBy(cluster.RunDirectory);

        // The standby sleeps until the lock of the dead coordinator is the new one's, and takes over while that one starts.
        first.SuspendStandby();
        first.Kill();
        first.WaitForExit();
        var second = cluster.Coordinator();
        await second.Locks(cluster.RunDirectory);
        first.ResumeStandby();
        await second.Printed(" loss ");

        var (exit, output) = cluster.Ask(2, "stop");
        Assert.True(exit == 0, output);
        second.AssertExit(0);
        Assert.All(workers, worker => worker.AssertExit(0));
        cluster.Record.AssertWhole();
    }

    [NetworkFact]
    public async Task A_coordinator_on_standby_leaves_on_a_signal_and_the_run_continues()
    {
        using var cluster = new TinyCluster(2, "training.steps=100000", "cluster.workers=2");
        var first = cluster.Coordinator();
        cluster.Worker(1);
        cluster.Worker(2);
        await first.Printed("step 3/");
        await first.StandsBy(cluster.RunDirectory);
        var second = cluster.Coordinator(host: 2);
        await second.StandsBy(cluster.RunDirectory, processes: 3);

        second.Signal(PosixSignal.SIGTERM);
        second.AssertExit(143);
        await cluster.Record.MoreSteps(20);
        Assert.Single(cluster.Record.Generations);
    }

    [NetworkFact]
    public async Task Workers_without_coordinators_stop_at_a_checkpoint_and_the_same_commands_resume_from_it()
    {
        using var cluster = new TinyCluster(
            2,
            "training.steps=100000",
            "cluster.workers=2",
            "checkpoint.every_steps=0",
            "cluster.coordinator_timeout_seconds=3"
        );
        var first = cluster.Coordinator();
        ProgramRun[] workers = [cluster.Worker(1), cluster.Worker(2)];
        await first.Printed("step 3/");
        first.KillWithStandby();
        Assert.All(workers, worker => worker.AssertExit(6));
        Assert.All(workers, worker => Assert.Contains("coordinator", worker.Output, StringComparison.Ordinal));
        var checkpoint = Assert.Single(Directory.GetDirectories(cluster.Corpus.PathOf("runs", "tiny", "checkpoints")));
        var step = int.Parse(checkpoint[(checkpoint.LastIndexOf('-') + 1)..], CultureInfo.InvariantCulture);

        var second = cluster.Coordinator();
        cluster.Worker(1);
        cluster.Worker(2);
        await second.Printed(string.Create(CultureInfo.InvariantCulture, $"step {step + 1}/"));
        second.Signal(PosixSignal.SIGTERM);
        second.AssertExit(143);
        cluster.Record.AssertWhole();
    }
}
