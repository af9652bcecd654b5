using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Trials on nodes that join, leave, fall silent and restart, in a cluster whose processes die.</summary>
public sealed class PoolNodeTests
{
    [Fact]
    public async Task A_node_runs_trials_side_by_side_and_their_figures_reach_the_experiment()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var node = new ServingNode(cluster, "a", cores: 2);
        await cluster.SubmitAsync(Trial("1"), Trial("2"), Trial("3"));

        await cluster.UntilAsync(() => Task.FromResult(node.Trials.Running.Count == 2));
        Assert.Equal(2, node.Trials.Running.Select(start => Assert.Single(start.Lease.Devices).Name).Distinct().Count());
        await CompleteAsync(cluster, node);

        var trials = (await cluster.Experiment.StateAsync()).Trials;
        Assert.All(trials, trial => Assert.Equal(0.5, trial.Figures!["accuracy"]));
        Assert.All(trials, trial => Assert.InRange(trial.Ended!.Value - trial.Started!.Value, TimeSpan.Zero, TimeSpan.FromHours(1)));
        // Trials that are granted together may start in any order.
        Assert.Equal(["e/1", "e/2", "e/3"], node.Trials.Started.Select(attempt => attempt.Run).Order(StringComparer.Ordinal));
        Assert.Empty(node.Trials.Faults);
    }

    [Fact]
    public async Task A_node_that_leaves_hands_its_trial_to_another_and_a_cancelled_experiment_stops_it_there()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var first = new ServingNode(cluster, "a", cores: 1);
        await cluster.SubmitAsync(Trial("1"));
        await cluster.UntilAsync(() => Task.FromResult(first.Trials.Running.Count == 1));

        await using var second = new ServingNode(cluster, "b", cores: 1);
        await first.LeaveAsync();
        await cluster.UntilAsync(() => Task.FromResult(second.Trials.Running.Count == 1));
        Assert.Equal([new RunAttempt("e/1", 2)], second.Trials.Started);

        await cluster.Experiment.CancelAsync("a test");
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Stopped, HasClaim: false });
        Assert.Empty(second.Trials.Running);
    }

    [Fact]
    public async Task A_node_that_leaves_keeps_its_devices_until_its_trial_has_stopped_however_long_that_takes()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        var leaving = cluster.Grains.GetGrain<IPoolNodeGrain>("a");
        var none = new TrialOrders(0, false, []);
        await ReportAsync(leaving, none);
        await cluster.SubmitAsync(Trial("1"));
        var orders = await ReportAsync(leaving, none);
        var start = Assert.Single(orders.Wanted);
        await using var other = new ServingNode(cluster, "b", cores: 1);

        // Orders of another term are answered at once.
        var outdated = orders with
        {
            Term = 99,
        };
        await leaving.LeaveAsync("gpus", 1);
        for (var passed = TimeSpan.Zero; passed < 2 * PoolMachine.Patience; passed += PoolMachine.Patience / 3)
        {
            await ReportAsync(leaving, outdated, isLeaving: true);
            await cluster.PassAsync(PoolMachine.Patience / 3);
        }

        Assert.Empty(other.Trials.Started);
        await leaving.EndedAsync(start.Lease, new TrialEnd(start.Attempt, TrialEndKind.DevicesLost, "node a left"));
        await cluster.UntilAsync(() => Task.FromResult(other.Trials.Running.Count == 1));
        await CompleteAsync(cluster, other);
    }

    [Fact]
    public async Task A_trial_that_a_leaving_node_does_not_have_goes_on_elsewhere_while_the_node_s_own_still_stops()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        var leaving = cluster.Grains.GetGrain<IPoolNodeGrain>("a");
        var none = new TrialOrders(0, false, []);
        await ReportAsync(leaving, none, cores: 2);
        await cluster.SubmitAsync(Trial("1"), Trial("2"));
        var orders = none;
        await cluster.UntilAsync(async () => (orders = await ReportAsync(leaving, none, cores: 2)).Wanted.Count == 2);

        // The answer with the second trial did not reach the node.
        var has = orders with
        {
            Term = 99,
            Wanted = [.. orders.Wanted.Take(1)],
        };
        await using var other = new ServingNode(cluster, "b", cores: 2);
        await leaving.LeaveAsync("gpus", 1);
        await cluster.UntilAsync(async () =>
        {
            await ReportAsync(leaving, has, isLeaving: true);
            return other.Trials.Running.Count == 1;
        });
        Assert.Equal(orders.Wanted[1].Attempt.Run, Assert.Single(other.Trials.Started).Run);

        await leaving.EndedAsync(has.Wanted[0].Lease, new TrialEnd(has.Wanted[0].Attempt, TrialEndKind.DevicesLost, "node a left"));
        await CompleteAsync(cluster, other);
    }

    [Fact]
    public async Task An_unexpected_error_of_a_node_fails_the_trial_and_frees_its_devices()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var node = new ServingNode(cluster, "a", cores: 1);
        node.Trials.Fault = new FormatException("a damaged file");
        await cluster.SubmitAsync(Trial("1"), Trial("2"));

        await cluster.UntilTrialsAsync(trials => trials.All(trial => trial is { Status: TrialStatus.Failed, HasClaim: false }));

        Assert.All((await cluster.Experiment.StateAsync()).Trials, trial => Assert.Equal("a damaged file", trial.Text));
        Assert.Single((await cluster.Pool.StateAsync()).FreeDevices());
    }

    [Fact]
    public async Task A_silent_node_s_trial_goes_on_elsewhere_and_it_stops_its_own_when_it_returns()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        var silent = cluster.Grains.GetGrain<IPoolNodeGrain>("a");
        await ReportAsync(silent, new TrialOrders(0, false, []));
        await cluster.SubmitAsync(Trial("1"));
        var orders = await ReportAsync(silent, new TrialOrders(0, false, []));
        Assert.Equal(new RunAttempt("e/1", 1), Assert.Single(orders.Wanted).Attempt);

        await using var other = new ServingNode(cluster, "b", cores: 1);
        await cluster.UntilAsync(() => Task.FromResult(other.Trials.Running.Count == 1));

        Assert.Empty((await ReportAsync(silent, orders)).Wanted);
        await CompleteAsync(cluster, other);
    }

    [Fact]
    public async Task A_restarted_node_gets_its_trial_again_at_once_and_its_earlier_process_is_sent_away()
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var before = new ServingNode(cluster, "a", cores: 1);
        await cluster.SubmitAsync(Trial("1"));
        await cluster.UntilAsync(() => Task.FromResult(before.Trials.Running.Count == 1));

        await using var after = new ServingNode(cluster, "a", cores: 1, incarnation: 2);
        await cluster.UntilAsync(() => Task.FromResult(after.Trials.Running.Count == 1));

        Assert.Equal(2, Assert.Single(after.Trials.Started).Number);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => before.Served);
        Assert.Contains("Another node named a has joined the pool", error.Message, StringComparison.Ordinal);
        Assert.Empty(before.Trials.Running);
        await CompleteAsync(cluster, after);
    }

    [Theory]
    [InlineData("node")]
    [InlineData("pool")]
    [InlineData("experiment")]
    public async Task A_trial_neither_stops_nor_starts_twice_when_a_host_dies(string grain)
    {
        await using var cluster = await PoolCluster.DeployAsync(runsOnNodes: true);
        await using var node = new ServingNode(cluster, "a", cores: 1);
        await cluster.SubmitAsync(Trial("1"), Trial("2"));
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running && node.Trials.Running.Count == 1);

        await cluster.KillHostOfAsync(
            grain switch
            {
                "node" => cluster.Grains.GetGrain<IPoolNodeGrain>("a"),
                "pool" => cluster.Pool,
                _ => cluster.Experiment,
            }
        );
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);
        await CompleteAsync(cluster, node);

        Assert.Equal([new RunAttempt("e/1", 1), new RunAttempt("e/2", 1)], node.Trials.Started);
        Assert.Empty(node.Trials.Faults);
    }

    private static TrialSpec Trial(string id) => new(id, $"/shared/{id}.yaml", 1);

    private static Task<TrialOrders> ReportAsync(IPoolNodeGrain node, TrialOrders known, bool isLeaving = false, int cores = 1) =>
        node.ExchangeAsync(
            new TrialReport(
                "gpus",
                new NodeOffer(node.GetPrimaryKeyString(), "host", 1, [.. Enumerable.Range(0, cores).Select(core => $"cpu:{core}")]),
                known.Term,
                [.. known.Wanted.Select(start => start.Lease.Number)]
            )
            {
                IsLeaving = isLeaving,
            }
        );

    /// <summary>Completes what a node runs until all trials have completed.</summary>
    private static Task CompleteAsync(PoolCluster cluster, ServingNode node) =>
        cluster.UntilTrialsAsync(trials =>
        {
            node.Trials.CompleteAll(0.5);
            return trials.All(trial => trial is { Status: TrialStatus.Completed, HasClaim: false });
        });
}
