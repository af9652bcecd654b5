using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Experiments and their pool on a cluster whose processes die at the worst moment.</summary>
public sealed class PoolTakeoverTests
{
    private static readonly TrialSpec[] Three = [Trial("1"), Trial("2"), Trial("3")];

    [Fact]
    public async Task An_experiment_runs_its_trials_one_after_the_other_on_the_devices_there_are()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);

        await cluster.SubmitAsync(Three);
        await cluster.SubmitAsync([.. Three, Trial("4")]);
        await CompleteAllAsync(cluster);

        Assert.Equal(["e/1", "e/2", "e/3", "e/4"], cluster.Launcher.Started.Select(attempt => attempt.Run));
        await AssertSettledAsync(cluster, attempts: 4);
    }

    [Fact]
    public async Task A_refused_submission_says_why_to_whoever_submitted()
    {
        await using var cluster = await PoolCluster.DeployAsync();

        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => cluster.SubmitAsync(Trial("1"), Trial("1")));

        Assert.StartsWith("Experiment e lists trial 1 twice", error.Message);
        Assert.Empty((await cluster.Experiment.StateAsync()).Trials);
    }

    [Fact]
    public async Task A_silent_node_s_run_is_stopped_and_goes_on_elsewhere()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Trial("1"));
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);

        cluster.Silence("a");
        await cluster.JoinAsync("b", 2);
        await cluster.UntilTrialsAsync(trials => trials[0] is { Status: TrialStatus.Running, Attempt: 2 });

        Assert.All(Assert.Single(cluster.Launcher.Running).Lease.Devices, device => Assert.Equal("b", device.Node));
        await CompleteAllAsync(cluster);
        await AssertSettledAsync(cluster, attempts: 2);
    }

    [Fact]
    public async Task An_experiment_that_ended_a_week_ago_is_unknown_and_nothing_of_it_is_stored()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Three);
        await CompleteAllAsync(cluster);
        var ended = (await cluster.Experiment.StateAsync()).Trials.Max(trial => trial.Ended)!.Value;
        await cluster.UntilAsync(() => Task.FromResult(cluster.Now - ended >= TimeSpan.FromDays(6)), TimeSpan.FromHours(1));
        Assert.False(await cluster.Experiment.ForgetAsync());
        Assert.Equal(3, (await cluster.Experiment.StateAsync()).Trials.Count);
        Assert.Equal(["e"], (await cluster.Pool.StateAsync()).Experiments);

        await cluster.UntilAsync(async () => (await cluster.Pool.StateAsync()).Experiments.Count == 0, TimeSpan.FromHours(1));

        Assert.True(cluster.Now - ended >= TimeSpan.FromDays(7));
        var state = await cluster.Experiment.StateAsync();
        Assert.Null(state.Spec);
        Assert.Empty(state.Trials);
        Assert.Equal(0, cluster.Storage.Count("experiment"));
        await cluster.SubmitAsync(Trial("new"));
        await CompleteAllAsync(cluster);
        Assert.Equal(1, cluster.Storage.Count("experiment"));
    }

    [Fact]
    public async Task An_experiment_whose_state_is_damaged_does_not_keep_later_ones_from_being_forgotten()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        var damaged = cluster.Grains.GetGrain<IExperimentGrain>("d");
        await damaged.SubmitAsync(new ExperimentSpec("d", "gpus", [Trial("1")]));
        await cluster.UntilAsync(async () => (await cluster.Pool.StateAsync()).Experiments.Count == 1);
        await damaged.CancelAsync("a test");
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Trial("1"));
        await CompleteAllAsync(cluster);
        Assert.Equal(["d", "e"], (await cluster.Pool.StateAsync()).Experiments);

        cluster.Storage.Damage("d");
        await cluster.KillHostOfAsync(damaged);
        await cluster.UntilAsync(async () => (await cluster.Pool.StateAsync()).Experiments is ["d"], TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task An_experiment_that_goes_on_is_not_forgotten_however_old_it_is()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Trial("1"));
        await CompleteAllAsync(cluster);
        await cluster.SubmitAsync(Trial("1"), Trial("2"));
        await cluster.UntilTrialsAsync(trials => trials[1].Status == TrialStatus.Running);
        var started = cluster.Now;
        await cluster.UntilAsync(() => Task.FromResult(cluster.Now - started >= TimeSpan.FromDays(8)), TimeSpan.FromHours(1));

        Assert.False(await cluster.Experiment.ForgetAsync());
        Assert.Equal(2, (await cluster.Experiment.StateAsync()).Trials.Count);
    }

    [Fact]
    public async Task A_cancelled_experiment_leaves_nothing_behind()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Three);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);

        await cluster.Experiment.CancelAsync("a test");
        await cluster.UntilTrialsAsync(trials => trials.All(trial => trial is { Status: TrialStatus.Stopped, HasClaim: false }));

        Assert.Empty(cluster.Launcher.Running);
        await AssertSettledAsync(cluster, attempts: 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_pool_dies_while_it_writes_a_lease(bool isWritten)
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        var (reached, zombie) = HoldWrite<PoolState>(cluster, isWritten, pool => pool.Leases.Count > 0);
        await cluster.SubmitAsync(Three);
        await reached.Task;

        await cluster.KillHostOfAsync(cluster.Pool);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);
        zombie.SetResult();
        await CompleteAllAsync(cluster);

        await AssertSettledAsync(cluster, attempts: 3);
        Assert.True((await cluster.Pool.StateAsync()).Term > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_experiment_s_host_dies_while_it_writes_that_a_trial_has_devices(bool isWritten)
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        var (reached, zombie) = HoldWrite<ExperimentState>(
            cluster,
            isWritten,
            experiment => experiment.Trials.Any(trial => trial.Status == TrialStatus.Starting)
        );
        await cluster.SubmitAsync(Three);
        await reached.Task;

        await cluster.KillHostOfAsync(cluster.Experiment);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);
        zombie.SetResult();
        await CompleteAllAsync(cluster);

        await AssertSettledAsync(cluster, attempts: 3);
    }

    [Fact]
    public async Task The_experiment_s_host_dies_while_it_launches()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var zombie = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Launcher.OnStart = _ => reached.TrySetResult() ? zombie.Task : Task.CompletedTask;
        await cluster.SubmitAsync(Three);
        await reached.Task;

        await cluster.KillHostOfAsync(cluster.Experiment);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);
        Assert.Equal([new RunAttempt("e/1", 1)], cluster.Launcher.Started);

        // The dead host's launch is answered only now.
        zombie.SetResult();
        await CompleteAllAsync(cluster);
        await AssertSettledAsync(cluster, attempts: 3);
    }

    [Fact]
    public async Task Both_hosts_die_one_after_the_other()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Three);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);

        await cluster.KillHostOfAsync(cluster.Experiment);
        await cluster.UntilAsync(async () => (await cluster.Pool.StateAsync()).Leases.Count == 1);
        await cluster.KillHostOfAsync(cluster.Pool);
        await CompleteAllAsync(cluster);

        await AssertSettledAsync(cluster, attempts: 3);
    }

    [Fact]
    public async Task An_experiment_that_was_taken_over_is_refused_and_its_successor_goes_on()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Three);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);

        cluster.Storage.TakeOver("experiment");
        await Assert.ThrowsAnyAsync<OrleansException>(() => cluster.Experiment.CancelAsync("a zombie's client"));
        await CompleteAllAsync(cluster);

        var state = await cluster.Experiment.StateAsync();
        Assert.Null(state.EndedBecause);
        Assert.Equal(1, state.Term);
        Assert.Equal(1, cluster.Storage.Refused);
        await AssertSettledAsync(cluster, attempts: 3);
    }

    [Fact]
    public async Task A_pool_that_was_taken_over_is_refused_and_its_successor_goes_on()
    {
        await using var cluster = await PoolCluster.DeployAsync();
        await cluster.JoinAsync("a", 2);
        await cluster.SubmitAsync(Three);
        await cluster.UntilTrialsAsync(trials => trials[0].Status == TrialStatus.Running);

        cluster.Storage.TakeOver("pool");
        await cluster.JoinAsync("b", 2);
        await CompleteAllAsync(cluster);

        var state = await cluster.Pool.StateAsync();
        Assert.Equal(["a", "b"], state.Nodes.Select(node => node.Offer.Node));
        Assert.Equal(1, state.Term);
        Assert.Equal(1, cluster.Storage.Refused);
        await AssertSettledAsync(cluster, attempts: 3);
    }

    /// <summary>A trial that fills node a.</summary>
    private static TrialSpec Trial(string id) => new(id, $"{id}.yaml", 2);

    /// <summary>Blocks the first matching write, before it is done or before it is acknowledged.</summary>
    private static (TaskCompletionSource Reached, TaskCompletionSource Zombie) HoldWrite<T>(
        PoolCluster cluster,
        bool isWritten,
        Func<T, bool> condition
    )
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var zombie = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Storage.OnWrite = (state, isDone) =>
            isDone == isWritten && state is T its && condition(its) && reached.TrySetResult() ? zombie.Task : Task.CompletedTask;
        return (reached, zombie);
    }

    /// <summary>Completes running runs until all trials have completed.</summary>
    private static async Task CompleteAllAsync(PoolCluster cluster)
    {
        var ends = new List<TrialEnd>();
        await cluster.UntilAsync(async () =>
        {
            ends.AddRange(cluster.Launcher.Running.Select(start => cluster.Launcher.End(start.Attempt.Run, TrialEndKind.Completed)));
            while (ends.Count > 0)
            {
                await cluster.Experiment.RunEndedAsync(ends[0]);
                ends.RemoveAt(0);
            }

            return (await cluster.Experiment.StateAsync()).Trials.All(trial => trial is { Status: TrialStatus.Completed, HasClaim: false });
        });
    }

    private static async Task AssertSettledAsync(PoolCluster cluster, int attempts)
    {
        var pool = await cluster.Pool.StateAsync();
        Assert.Empty(pool.Leases);
        Assert.Empty(pool.Queue);
        Assert.Empty(cluster.Launcher.Faults);
        Assert.Equal(attempts, cluster.Launcher.Started.Count);
    }
}
