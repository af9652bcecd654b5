using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A run and the nodes that start its workers.</summary>
public sealed class RunNodeTests
{
    private static readonly NodeOrder StartZero = new(1, NodeAction.Start, "worker-0", 1),
        StartOne = new(2, NodeAction.Start, "worker-1", 1);

    [Fact]
    public async Task A_node_is_told_its_orders_until_it_has_carried_them_out()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(2));
        for (var time = 0; time < 2; time++)
        {
            var orders = await Node(cluster).ExchangeAsync(Report());
            Assert.Equal((1, TimeSpan.FromSeconds(35), null), (orders.Term, orders.Lease, orders.Outcome));
            Assert.Equal([StartZero, StartOne], orders.Orders);
        }

        Assert.Equal([StartOne], (await Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 1))).Orders);

        // Numbers of another activation's orders mean nothing.
        Assert.Equal([StartOne], (await Node(cluster).ExchangeAsync(Report(term: 7, carriedOut: 9))).Orders);
    }

    [Fact]
    public async Task A_node_without_orders_is_held_until_there_is_one()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        var idle = Report(term: 1, carriedOut: 1);
        await Node(cluster).ExchangeAsync(Report());
        var held = Node(cluster).ExchangeAsync(idle);
        await cluster.Time.WhenTimerRunsAsync(HeldCalls.Limit);
        cluster.Time.Advance(HeldCalls.Limit);
        Assert.Empty((await held).Orders);

        held = Node(cluster).ExchangeAsync(idle);
        await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0));
        await cluster.Run.WorkerExitedAsync(new WorkerExit("worker-0", 1, 137, []));
        Assert.Equal([new NodeOrder(2, NodeAction.Start, "worker-0", 2)], (await held).Orders);
    }

    [Fact]
    public async Task What_a_node_s_workers_print_is_shown()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        await Node(cluster)
            .ExchangeAsync(
                Report() with
                {
                    Lines = [new WorkerLine("worker-0", false, "hello"), new WorkerLine("worker-0", true, "oops")],
                }
            );
        Assert.Equal(["[worker-0] hello", "[worker-0] oops"], cluster.Observer.Lines.Select(line => line.ToString()));
    }

    [Fact]
    public async Task A_node_that_falls_silent_is_lost_when_its_lease_has_run_out()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        await Node(cluster).ExchangeAsync(Report());
        await cluster.PassAsync(29);
        Assert.Single((await cluster.StateAsync()).Nodes);
        await cluster.PassHearingAsync(() =>
            cluster.Observer.Warnings.Any(text => text.StartsWith("node a was silent for ", StringComparison.Ordinal))
        );
        Assert.Equal("z", Assert.Single((await cluster.StateAsync()).Nodes).Id);

        // It was only cut off.
        await Node(cluster).ExchangeAsync(Report());
        Assert.Equal(2, (await cluster.StateAsync()).Nodes.Count);
    }

    [Fact]
    public async Task At_the_end_every_node_is_told_at_once_and_the_run_is_summed_up_when_they_have_left()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        await Node(cluster).ExchangeAsync(Report());
        var held = Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 1));
        await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0));
        await cluster.Client(0).ReportAsync(RunCluster.Report(0, WorkerOutcome.Completed, 3));
        while ((await held).Outcome is null)
        {
            held = Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 9));
        }

        await cluster.PassAsync(2);
        Assert.Empty(cluster.Hosting.Concluded);
        await cluster.Run.WorkerExitedAsync(new WorkerExit("worker-0", 1, 0, []));
        await Node(cluster).LeaveAsync("process-a");
        var left = cluster.Time.GetUtcNow();

        await cluster.PassUntilAsync(() => !cluster.Hosting.Concluded.IsEmpty);
        Assert.True(cluster.Time.GetUtcNow() - left <= TimeSpan.FromSeconds(2));
        Assert.Equal(0, (await cluster.StateAsync()).Find("worker-0")!.ExitCode);
    }

    [Fact]
    public async Task A_worker_that_hangs_is_ended_by_its_node()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        await Node(cluster).ExchangeAsync(Report());
        await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0));
        await cluster.PassAsync(20);
        var before = Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 1));
        await cluster.PassAsync(11);
        await before;
        var held = Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 1));
        await cluster.PassUntilAsync(() =>
            cluster.Observer.Warnings.Any(text => text.EndsWith("sent no heartbeat for 30 s", StringComparison.Ordinal))
        );
        await held;
        Assert.Equal(
            [new NodeOrder(2, NodeAction.Kill, "worker-0", 0)],
            (await Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 1))).Orders
        );
    }

    [Fact]
    public async Task A_node_that_leaves_takes_its_workers_with_it_and_they_start_on_another()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        await Node(cluster).ExchangeAsync(Report());
        await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0));
        var waiting = Node(cluster, "b").ExchangeAsync(Report("b"));
        while ((await cluster.StateAsync()).Nodes.Count < 2)
        {
            await Task.Yield();
        }

        await Node(cluster).LeaveAsync("process-a");

        var state = await cluster.StateAsync();
        Assert.Equal("b", Assert.Single(state.Nodes).Id);
        Assert.Equal(NodeAction.Start, Assert.Single((await waiting).Orders).Action);
        Assert.Contains("rank 0 (worker-0 on a) was lost with node a", cluster.Observer.Warnings);
        await cluster.PassAsync(60);
        Assert.DoesNotContain(cluster.Observer.Warnings, text => text.StartsWith("node a", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_an_earlier_process_of_a_node_left_behind_does_not_touch_the_later_one()
    {
        await using var cluster = await RunCluster.StartAsync(RunScript.Spec(1));
        await Node(cluster).ExchangeAsync(Report());
        var held = Node(cluster).ExchangeAsync(Report(term: 1, carriedOut: 1));
        await cluster.Time.WhenTimerRunsAsync(HeldCalls.Limit);
        await cluster.Run.NodeAsync(Report() with { Incarnation = "process-b" });

        // The earlier one's workers died with it; the later one is told to start, and nothing that the earlier one had not done yet.
        Assert.Equal(
            [new NodeOrder(1, NodeAction.Start, "worker-0", 3)],
            (await Node(cluster).ExchangeAsync(Report() with { Incarnation = "process-b" })).Orders
        );
        await held;
        await Node(cluster).LeaveAsync("process-a");
        Assert.Equal("process-b", Assert.Single((await cluster.StateAsync()).Nodes).Incarnation);

        // The later one is still watched.
        await cluster.PassHearingAsync(() =>
            cluster.Observer.Warnings.Any(text => text.StartsWith("node a was silent", StringComparison.Ordinal))
        );
        Assert.Equal("z", Assert.Single((await cluster.StateAsync()).Nodes).Id);
    }

    private static INodeGrain Node(RunCluster cluster, string node = "a") =>
        cluster.Grains.GetGrain<INodeGrain>(NodeGrain.KeyOf("demo", node));

    private static NodeReport Report(string node = "a", long term = 0, long carriedOut = 0) =>
        new(node, $"process-{node}", 4, term, carriedOut, []);
}
