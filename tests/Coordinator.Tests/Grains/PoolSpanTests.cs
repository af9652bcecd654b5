using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Trials that are too large for any node, and so run on several at once.</summary>
public sealed class PoolSpanTests
{
    [Fact]
    public async Task Every_node_of_the_lease_runs_a_part_and_the_trial_ends_once_none_is_left()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var a = new ServingNode(cluster, "a", cores: 2);
        await using var b = new ServingNode(cluster, "b", cores: 2);
        await StartAsync(cluster, a, b);
        Assert.Equal("a, cpu:0, cpu:1; b, cpu:0, cpu:1", Assert.Single(b.Trials.Running).Lease.Describe());

        var other = new TaskCompletionSource();
        b.Trials.MayStop = other.Task;
        a.Trials.CompleteAll(0.5);
        await cluster.UntilAsync(() => Task.FromResult(b.Trials.Stopping == 1));
        Assert.Equal(TrialStatus.Running, (await cluster.Experiment.StateAsync()).Trials[0].Status);

        other.SetResult();
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Completed, HasClaim: false });
        Assert.Empty(b.Trials.Running);
        Assert.Equal(0.5, (await cluster.Experiment.StateAsync()).Trials[0].Figures!["accuracy"]);
        Assert.Empty((await cluster.Pool.StateAsync()).Leases);
    }

    [Fact]
    public async Task A_stop_reaches_the_coordinator_first_so_that_all_workers_take_part_in_its_checkpoint()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var a = new ServingNode(cluster, "a", cores: 2);
        await using var b = new ServingNode(cluster, "b", cores: 2);
        await StartAsync(cluster, a, b);

        var checkpoint = new TaskCompletionSource();
        a.Trials.MayStop = checkpoint.Task;
        await cluster.Experiment.CancelAsync("a test");
        await cluster.UntilAsync(() => Task.FromResult(a.Trials.Stopping == 1));
        await cluster.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(0, b.Trials.Stopping);

        checkpoint.SetResult();
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Stopped, HasClaim: false });
        Assert.Empty(b.Trials.Running);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task A_node_that_leaves_ends_the_other_s_part_and_the_trial_goes_on_with_a_third(string leaving)
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var a = new ServingNode(cluster, "a", cores: 2);
        await using var b = new ServingNode(cluster, "b", cores: 2);
        await StartAsync(cluster, a, b);

        await (leaving == "a" ? a : b).LeaveAsync();
        var stays = leaving == "a" ? b : a;
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Queued, Attempt: 2 });
        Assert.Empty(stays.Trials.Running);

        await using var c = new ServingNode(cluster, "c", cores: 2);
        await cluster.UntilAsync(() => Task.FromResult(stays.Trials.Running.Count == 1 && c.Trials.Running.Count == 1));
        Assert.Equal([new RunAttempt("e/1", 2)], c.Trials.Started);
        Assert.Empty(stays.Trials.Faults);
    }

    [Fact]
    public async Task A_silent_node_returns_the_trial_to_the_queue_once_the_others_parts_have_ended()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var b = new ServingNode(cluster, "b", cores: 2);
        await cluster.JoinAsync("a", 2);
        await StartAsync(cluster, b);

        var part = new TaskCompletionSource();
        b.Trials.MayStop = part.Task;
        cluster.Silence("a");
        await cluster.UntilAsync(() => Task.FromResult(b.Trials.Stopping == 1));
        Assert.NotEqual(TrialStatus.Queued, (await cluster.Experiment.StateAsync()).Trials[0].Status);

        part.SetResult();
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Queued, Attempt: 2, DeviceLosses: 1 });
    }

    [Fact]
    public async Task A_part_that_cannot_run_ends_the_trial_everywhere_and_says_why()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var a = new ServingNode(cluster, "a", cores: 2);
        await using var b = new ServingNode(cluster, "b", cores: 2);
        await StartAsync(cluster, a, b);

        b.Trials.EndAll(TrialEndKind.Failed, "b does not see /shared/1.yaml");
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Failed, HasClaim: false });

        Assert.Equal("b does not see /shared/1.yaml", (await cluster.Experiment.StateAsync()).Trials[0].Text);
        Assert.Empty(a.Trials.Running);
    }

    [Theory]
    [InlineData("coordinator's node")]
    [InlineData("other node")]
    [InlineData("pool")]
    [InlineData("experiment")]
    public async Task The_parts_neither_stop_nor_start_twice_when_a_host_dies(string grain)
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var a = new ServingNode(cluster, "a", cores: 2);
        await using var b = new ServingNode(cluster, "b", cores: 2);
        await StartAsync(cluster, a, b);

        await cluster.KillHostOfAsync(
            grain switch
            {
                "coordinator's node" => cluster.Grains.GetGrain<IPoolNodeGrain>("a"),
                "other node" => cluster.Grains.GetGrain<IPoolNodeGrain>("b"),
                "pool" => cluster.Pool,
                _ => cluster.Experiment,
            }
        );
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);
        a.Trials.CompleteAll(0.5);
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Completed, HasClaim: false });

        Assert.Equal([new RunAttempt("e/1", 1)], a.Trials.Started);
        Assert.Equal([new RunAttempt("e/1", 1)], b.Trials.Started);
        Assert.Empty(b.Trials.Running);
    }

    /// <summary>Starts a trial of four devices, once both nodes have joined.</summary>
    private static async Task StartAsync(PoolCluster cluster, params ServingNode[] nodes)
    {
        await cluster.UntilAsync(async () => (await cluster.Pool.StateAsync()).CountDevices() == 4);
        await cluster.SubmitAsync(new TrialSpec("1", "/shared/1.yaml", 4) { DevicesPerWorker = 2 });
        await cluster.UntilTrialsAsync(trials =>
            trials[0].Status == TrialStatus.Running && nodes.All(node => node.Trials.Running.Count == 1)
        );
    }
}
