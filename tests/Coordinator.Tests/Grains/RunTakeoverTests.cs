using System.Collections.Concurrent;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A run whose host dies, or is declared dead, at the worst moment.</summary>
public sealed class RunTakeoverTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Workers_train_through_the_death_of_the_run_s_host_and_no_step_is_lost_or_doubled()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2), silos: 3);
        var workers = new[] { 0, 1 }.Select(slot => Task.Run(() => new FakeWorker(cluster.Client(slot)).LiveAsync())).ToList();
        for (var term = 1; term <= 2; term++)
        {
            var steps = cluster.Ledger.Steps.Count();
            await cluster.Observer.WhenAsync(() => cluster.Observer.Metrics.Count > steps + 10).WaitAsync(Limit);
            await cluster.KillHostOfAsync(cluster.Run);
            await cluster.BeatAsync(RunCluster.Beat(9, 0));
        }

        var before = cluster.Observer.Metrics.Count;
        await cluster.Observer.WhenAsync(() => cluster.Observer.Metrics.Count > before + 10).WaitAsync(Limit);
        await cluster.Run.StopAsync("the test", atOnce: false);
        var lives = await Task.WhenAll(workers).WaitAsync(Limit);
        await cluster.PassUntilAsync(() => !cluster.Hosting.Concluded.IsEmpty);

        Assert.All(lives, life => Assert.Equal(1, Assert.Single(life).Generation));
        Assert.Equal([1, 2, 3], cluster.Hosting.Opened);
        Assert.Single(cluster.Ledger.Generations);
        var last = (int)Assert.Single(cluster.Hosting.Concluded).LastCheckpoint!.Step;
        Assert.Equal(Enumerable.Range(1, last).Select(step => (long)step), cluster.Ledger.Steps);
        Assert.Equal(Enumerable.Range(1, last).Select(step => (long)step), cluster.Observer.Metrics.Select(metrics => metrics.Step));
    }

    [Fact]
    public async Task A_worker_that_waits_for_its_rank_is_held_again_and_gets_it()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2), silos: 2);
        var client = cluster.Client(0);
        Task BeatAsync() => client.HeartbeatAsync(RunCluster.Beat(0, 0, generation: 0), Limit, CancellationToken.None);
        await BeatAsync();
        var join = client.JoinAsync(RunScript.JoinRequest(0));
        await cluster.UntilAsync(state => state.Find("worker-0")?.Status == MemberStatus.Joined);
        await cluster.KillHostOfAsync(cluster.Run);

        await BeatAsync();
        Assert.Equal(2, client.Term);
        await cluster.Client(1).JoinAsync(RunScript.JoinRequest(1));

        Assert.Equal(new Assignment(1, 0, 2, 0), (await join.WaitAsync(Limit)).Assignment);
    }

    [Fact]
    public async Task The_host_dies_before_it_has_written_that_a_generation_has_formed()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2), silos: 2);
        var (reached, zombie) = HoldWrite(cluster, run => run.State?.Phase == RunPhase.Running);
        var clients = new[] { cluster.Client(0), cluster.Client(1) };
        async Task BeatAsync(int slot) =>
            await clients[slot].HeartbeatAsync(RunCluster.Beat(slot, 0, generation: 0), Limit, CancellationToken.None);
        await Task.WhenAll(BeatAsync(0), BeatAsync(1));
        var joins = clients.Select((client, slot) => client.JoinAsync(RunScript.JoinRequest(slot))).ToList();
        await reached.Task.WaitAsync(Limit);

        await cluster.KillHostOfAsync(cluster.Run);
        await Task.WhenAll(BeatAsync(0), BeatAsync(1));
        var assignments = (await Task.WhenAll(joins).WaitAsync(Limit)).Select(answer => answer.Assignment);
        zombie.SetResult();

        Assert.Equal([new Assignment(1, 0, 2, 0), new Assignment(1, 1, 2, 0)], assignments);
        Assert.Equal(3, (await cluster.BeatAsync(RunCluster.Beat(0, 3, records: RunScript.Records(1, 3, world: 2)))).RecordedStep);
        Assert.Equal(1, Assert.Single(cluster.Ledger.Generations).Generation);
        Assert.Equal([1, 2, 3], cluster.Ledger.Steps);

        // The ranks can meet, and read their shards.
        await clients[0].StoreAsync(new StoreRequest("worker-0", 1, StoreOp.Set, "k"));
        Assert.NotNull(await clients[1].ShardAsync(1));
        Assert.Equal(2, (await cluster.Run.StatusAsync()).Term);
    }

    [Fact]
    public async Task Orders_that_a_node_may_not_have_carried_out_are_given_again()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(2), silos: 2);
        var report = new NodeReport("a", "process-a", 2, 0, 0, []);
        var node = cluster.Grains.GetGrain<INodeGrain>(NodeGrain.KeyOf("demo", "a"));
        Assert.Equal(2, (await node.ExchangeAsync(report)).Orders.Count);
        await cluster.KillHostOfAsync(cluster.Run);
        await cluster.BeatAsync(RunCluster.Beat(0, 0));

        var orders = await node.ExchangeAsync(report with { Term = 1, CarriedOut = 2 });

        Assert.Equal(2, orders.Term);
        Assert.Equal([new NodeOrder(1, NodeAction.Start, "worker-0", 1), new NodeOrder(2, NodeAction.Start, "worker-1", 1)], orders.Orders);
        Assert.Equal("process-a", Assert.Single((await cluster.StateAsync()).Nodes).Incarnation);
    }

    [Fact]
    public async Task A_node_that_dies_together_with_the_run_s_host_is_lost_too_if_others_are_heard()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1), silos: 2);
        await cluster
            .Grains.GetGrain<INodeGrain>(NodeGrain.KeyOf("demo", "a"))
            .ExchangeAsync(new NodeReport("a", "process-a", 1, 0, 0, []));
        await cluster.KillHostOfAsync(cluster.Run);
        await cluster.BeatAsync(RunCluster.Beat(0, 0));
        await cluster.PassAsync(120);
        Assert.Single((await cluster.StateAsync()).Nodes);

        await cluster.PassHearingAsync(() =>
            cluster.Observer.Warnings.Any(text => text.StartsWith("node a was silent", StringComparison.Ordinal))
        );
        Assert.Equal("z", Assert.Single((await cluster.StateAsync()).Nodes).Id);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_that_has_ended_is_summed_up_once(bool isConcluded)
    {
        await using var cluster = await RunCluster.FormAsync(1, silos: 2);
        var began = 0;
        cluster.Hosting.OnConclude = () => ++began == 1 && !isConcluded ? new TaskCompletionSource().Task : Task.CompletedTask;
        await cluster.Run.StopAsync("the test", atOnce: true);
        await cluster.PassUntilAsync(() => began == 1);
        if (isConcluded)
        {
            await cluster.PassUntilAsync(() => cluster.Run.StatusAsync().Result.IsConcluded);
        }

        await cluster.KillHostOfAsync(cluster.Run);
        await cluster.BeatAsync(RunCluster.Beat(0, 0));
        await cluster.PassAsync(40);

        Assert.Single(cluster.Hosting.Concluded);
        Assert.Equal(isConcluded ? 1 : 2, began);
        Assert.Equal(isConcluded ? [1] : [1, 2], cluster.Hosting.Opened);
        Assert.Equal((2, true), ((await cluster.Run.StatusAsync()).Term, (await cluster.Run.StatusAsync()).IsConcluded));
    }

    [Fact]
    public async Task Who_was_meeting_when_the_host_died_must_join_again()
    {
        await using var cluster = await RunCluster.FormAsync(2, silos: 2);
        var store = cluster.Grains.GetGrain<IRendezvousGrain>(RendezvousGrain.KeyOf("demo", 1));
        Assert.Equal(cluster.HostOf(cluster.Run), cluster.HostOf(store));
        await cluster.KillHostOfAsync(cluster.Run);
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() =>
            cluster.Client(0).StoreAsync(new StoreRequest("worker-0", 1, StoreOp.Set, "k")).WaitAsync(Limit)
        );
        Assert.Equal(MemoryHosting.ShardOf(1, 2, 0).Digest(), (await cluster.Client(1).ShardAsync(1))!.Digest());
    }

    [Fact]
    public async Task A_process_leaves_only_when_the_end_of_the_run_is_stored()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        var events = new ConcurrentQueue<string>();
        cluster.Storage.OnWrite = (state, isDone) =>
        {
            if (isDone && state is RunRecord { IsConcluded: true })
            {
                events.Enqueue("stored");
            }

            return Task.CompletedTask;
        };
        cluster.Hosting.OnLeave = () => events.Enqueue("left");
        await cluster.Run.StopAsync("the test", atOnce: true);
        await cluster.PassUntilAsync(() => events.Contains("left"));
        Assert.Equal(["stored", "left"], events);
    }

    [Fact]
    public async Task A_zombie_s_turn_is_refused_and_its_successor_takes_it()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(1));
        cluster.Storage.TakeOver("run");
        await Assert.ThrowsAnyAsync<Exception>(() => cluster.Run.JoinAsync(RunScript.JoinRequest(0)));

        Assert.Equal(new Assignment(1, 0, 1, 0), (await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0))).Assignment);
        Assert.Equal((2, 1), ((await cluster.Run.StatusAsync()).Term, cluster.Storage.Refused));
        Assert.Single(cluster.Ledger.Generations);
    }

    [Fact]
    public async Task A_zombie_acknowledges_no_step()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        var beat = RunCluster.Beat(0, 3, records: RunScript.Records(1, 3, world: 1));

        // Another activation has opened the ledger; this one has not noticed.
        cluster.Ledger.Open(2);
        await Assert.ThrowsAnyAsync<Exception>(() => cluster.Run.BeatAsync(beat));
        Assert.Empty(cluster.Ledger.Steps);

        Assert.Equal(3, (await cluster.BeatAsync(beat)).RecordedStep);
        Assert.Equal([1, 2, 3], cluster.Ledger.Steps);
        Assert.Equal([1, 2, 3], cluster.Observer.Metrics.Select(metrics => metrics.Step));
        Assert.Equal([1, 2], cluster.Hosting.Opened);
    }

    [Fact]
    public async Task Turns_that_wait_behind_the_one_in_which_a_zombie_is_found_out_are_not_taken()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        var (reached, zombie) = HoldWrite(cluster, run => run.State?.CheckpointWantedFrom is not null);
        var checkpoint = cluster.Run.CheckpointAsync();
        await reached.Task;
        var beat = (await cluster.EnterAsync(nameof(IRunGrain.BeatAsync), () => cluster.Run.BeatAsync(RunCluster.Beat(0, 3)))).Single();
        cluster.Storage.TakeOver("run");
        zombie.SetResult();

        await Assert.ThrowsAnyAsync<Exception>(() => checkpoint);
        await Assert.ThrowsAnyAsync<Exception>(() => beat);

        // The successor knows nothing of a request that was never stored.
        Assert.Equal(new HeartbeatAnswer(1, Directive.Continue, 0), await cluster.BeatAsync(RunCluster.Beat(0, 3)));
    }

    [Fact]
    public async Task A_process_that_may_not_take_over_waits_until_it_is_told_how_the_run_begins()
    {
        await using var cluster = await RunCluster.FormAsync(1, silos: 2);
        cluster.Hosting.MayTakeOver = false;
        await cluster.KillHostOfAsync(cluster.Run);
        var beat = cluster.BeatAsync(RunCluster.Beat(0, 3, records: RunScript.Records(1, 3, world: 1)));
        await Assert.ThrowsAnyAsync<CoordinatorLostException>(() =>
            cluster.Client(0).HeartbeatAsync(RunCluster.Beat(0, 0), TimeSpan.Zero, CancellationToken.None)
        );
        Assert.Equal([1], cluster.Hosting.Opened);

        await cluster.Run.StartAsync(new RunStart(RunCluster.Spec(1), new CheckpointMark(2, "step-2"), Continues: true));

        Assert.Equal(new HeartbeatAnswer(1, Directive.Continue, 3), await beat.WaitAsync(Limit));
        Assert.Equal((1, 2), ((await cluster.StateAsync()).Generation, (await cluster.StateAsync()).LastCheckpoint!.Step));
    }

    /// <summary>Blocks the first matching write before it is done.</summary>
    private static (TaskCompletionSource Reached, TaskCompletionSource Zombie) HoldWrite(
        RunCluster cluster,
        Func<RunRecord, bool> condition
    )
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var zombie = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Storage.OnWrite = (state, isDone) =>
            !isDone && state is RunRecord run && condition(run) && reached.TrySetResult() ? zombie.Task : Task.CompletedTask;
        return (reached, zombie);
    }
}
