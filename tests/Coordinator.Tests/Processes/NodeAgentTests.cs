using System.Collections.Concurrent;
using System.Threading.Channels;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Processes;

/// <summary>A node whose workers are processes, and whose coordinator is the test.</summary>
public sealed class NodeAgentTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5),
        Grace = TimeSpan.FromSeconds(30);

    private readonly FakeCoordinator _coordinator = new();
    private readonly ManualTimeProvider _time = new();
    private readonly Channel<NodeReport> _reports = Channel.CreateUnbounded<NodeReport>();
    private readonly Channel<NodeOrders> _orders = Channel.CreateUnbounded<NodeOrders>();
    private readonly Channel<WorkerExit> _exits = Channel.CreateUnbounded<WorkerExit>();
    private readonly ConcurrentQueue<string> _left = [];
    private static readonly RunOutcome Failed = new(OutcomeKind.Failed, "a worker was lost", LastCheckpoint: null, ExitCode: 6);

    private readonly ConcurrentQueue<(string Worker, int Start)> _launched = [];
    private readonly CancellationTokenSource _leave = new();

    public NodeAgentTests()
    {
        _coordinator.OnNode = async report =>
        {
            await _reports.Writer.WriteAsync(report);
            return await _orders.Reader.ReadAsync();
        };
        _coordinator.OnExit = async exit => await _exits.Writer.WriteAsync(exit);
        _coordinator.OnNodeLeave = incarnation =>
        {
            _left.Enqueue(incarnation);
            return Task.CompletedTask;
        };
    }

    public void Dispose() => _leave.Dispose();

    [Fact]
    public async Task An_order_is_carried_out_once_however_often_it_is_given()
    {
        var agent = Run("echo ready; read x");
        var first = await ReportAsync();
        Assert.Equal(("a", 2, 0, 0), (first.NodeId, first.Slots, first.Term, first.CarriedOut));
        var zero = new NodeOrder(1, NodeAction.Start, "worker-0", 1);
        var one = new NodeOrder(2, NodeAction.Start, "worker-1", 1);
        await OrderAsync(1, zero);
        await OrderAsync(1, zero);
        await OrderAsync(1, zero, one);
        await OrderAsync(1, one);

        var reports = new[] { await ReportAsync(), await ReportAsync(), await ReportAsync(), await ReportAsync() };
        Assert.Equal([(1, 1), (1, 1), (1, 2), (1, 2)], reports.Select(report => (report.Term, report.CarriedOut)));
        Assert.All(reports, report => Assert.Equal(first.Incarnation, report.Incarnation));
        Assert.Equal([("worker-0", 1), ("worker-1", 1)], _launched);
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task What_workers_print_is_told_once()
    {
        var agent = Run("echo ready; echo oops >&2");
        await ReportAsync();
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        await ExitAsync();

        var lines = new List<WorkerLine>();
        for (var exchange = 0; exchange < 3; exchange++)
        {
            lines.AddRange((await ReportAsync()).Lines);
            await OrderAsync(1);
        }

        Assert.Equal(["[worker-0] oops", "[worker-0] ready"], lines.Select(line => line.ToString()).Order(StringComparer.Ordinal));
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task A_start_that_the_next_host_of_the_run_orders_again_is_answered_with_the_exit()
    {
        var agent = Run("echo no such device >&2; exit 3");
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        var exit = await ExitAsync();
        Assert.Equal(("worker-0", 1, 3), (exit.WorkerId, exit.Start, exit.ExitCode));
        Assert.Equal(["no such device"], exit.LastLines);

        await OrderAsync(2, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        Assert.Equivalent(exit, await ExitAsync(), strict: true);
        Assert.Single(_launched);

        await OrderAsync(2, new NodeOrder(2, NodeAction.Start, "worker-0", 2));
        Assert.Equal(2, (await ExitAsync()).Start);
        Assert.Equal([("worker-0", 1), ("worker-0", 2)], _launched);
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task A_worker_that_still_runs_is_ended_before_its_next_process_starts()
    {
        var agent = Run("echo ready; while read x; do :; done");
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        await OrderAsync(1, new NodeOrder(2, NodeAction.Start, "worker-0", 2));
        var exit = await ExitAsync();
        Assert.Equal((1, 137), (exit.Start, exit.ExitCode));
        while (_launched.Count < 2)
        {
            await OrderAsync(1);
            await ReportAsync();
        }

        await LeaveAsync(agent);
        Assert.Equal(2, (await ExitAsync()).Start);
    }

    [Fact]
    public async Task Orders_of_a_host_that_was_replaced_are_not_carried_out()
    {
        var agent = Run("echo ready; read x");
        await OrderAsync(2, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-1", 1), new NodeOrder(2, NodeAction.Kill, "worker-0", 0));
        await OrderAsync(1, Failed);
        await ReportAsync();
        await ReportAsync();
        await ReportAsync();
        var report = await ReportAsync();
        Assert.Equal((2, 1), (report.Term, report.CarriedOut));
        Assert.Equal([("worker-0", 1)], _launched);
        Assert.False(_exits.Reader.TryPeek(out _));
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task A_worker_that_hangs_is_killed()
    {
        var agent = Run("trap '' TERM; while :; do sleep 0.05; done");
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1), new NodeOrder(2, NodeAction.Kill, "worker-0", 0));
        Assert.Equal(137, (await ExitAsync()).ExitCode);
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task A_worker_that_is_dismissed_may_end_by_itself_and_is_ended_after_the_grace_time()
    {
        var agent = Run("while read x; do :; done; exit 5");
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1), new NodeOrder(2, NodeAction.Dismiss, "worker-0", 0));
        await _time.WhenTimerRunsAsync(Grace).WaitAsync(Limit);
        Assert.False(_exits.Reader.TryPeek(out _));
        _time.Advance(Grace);
        Assert.Contains((await ExitAsync()).ExitCode, new[] { 5, 143 });
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task A_program_that_cannot_be_started_is_told_as_an_exit()
    {
        var agent = Run(new WorkerLaunch("/no/such/program", []));
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        Assert.Equal(127, (await ExitAsync()).ExitCode);
        await LeaveAsync(agent);
    }

    [Fact]
    public async Task When_the_run_is_over_the_node_leaves_after_its_workers_have_ended_and_their_exits_are_told()
    {
        using var directory = new TemporaryDirectory();
        var go = directory.File("go");
        var agent = Run($"until [ -e {go} ]; do sleep 0.02; done; exit 6");
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        await OrderAsync(1, Failed);
        await _time.WhenTimerRunsAsync(Grace).WaitAsync(Limit);
        Assert.Empty(_left);
        await File.WriteAllTextAsync(go, "");

        Assert.Equal(Failed, await agent.WaitAsync(Limit));

        Assert.Equal(6, (await ExitAsync()).ExitCode);
        Assert.Single(_left);
    }

    [Fact]
    public async Task A_node_that_is_told_to_leave_ends_its_workers_at_once_and_says_that_it_leaves()
    {
        // The worker watches its input as a real one does.
        var agent = Run(new WorkerLaunch("dotnet", WatchedProcess.Arguments("worker")));
        var first = await ReportAsync();
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        while (!(await ReportAsync()).Lines.Any(line => line.Text == "ready"))
        {
            await OrderAsync(1);
        }

        await LeaveAsync(agent);

        Assert.Equal(ParentWatch.ExitCode, (await ExitAsync()).ExitCode);
        Assert.Equal([first.Incarnation], _left);
    }

    [Fact]
    public async Task A_node_that_leaves_a_coordinator_that_is_gone_does_not_wait_for_it()
    {
        var agent = Run("exec sleep 1000");
        await ReportAsync();
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        await ReportAsync();
        _coordinator.OnExit = _ => new TaskCompletionSource().Task;
        _coordinator.OnNodeLeave = _ => new TaskCompletionSource().Task;
        await _leave.CancelAsync();
        await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(5)).WaitAsync(Limit);
        while (!agent.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => agent);
    }

    [Fact]
    public async Task A_node_whose_coordinator_stays_away_lets_its_workers_end_and_gives_up()
    {
        var agent = Run("exec sleep 1000");
        await OrderAsync(1, new NodeOrder(1, NodeAction.Start, "worker-0", 1));
        await ReportAsync();
        await ReportAsync();
        _coordinator.OnNode = _ => Task.FromException<NodeOrders>(new TimeoutException("No answer."));
        _coordinator.OnExit = _ => Task.FromException(new TimeoutException("No answer."));
        _orders.Writer.Complete();
        while (!agent.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await Assert.ThrowsAsync<CoordinatorLostException>(() => agent);
        Assert.Empty(_left);
    }

    private Task<RunOutcome> Run(string script) => Run(new WorkerLaunch("/bin/sh", ["-c", script]));

    private Task<RunOutcome> Run(WorkerLaunch launch)
    {
        var client = new CoordinatorClient(_coordinator.Grains, "demo", "", _time);
        var options = new NodeOptions("a", 2, Launch, Grace);
        return Task.Run(() => new NodeAgent(client, options, _time).RunAsync(_leave.Token));

        WorkerLaunch Launch(WorkerStart start)
        {
            _launched.Enqueue((start.WorkerId, start.Number));
            return launch;
        }
    }

    private async Task<NodeReport> ReportAsync() => await _reports.Reader.ReadAsync().AsTask().WaitAsync(Limit);

    private async Task<WorkerExit> ExitAsync() => await _exits.Reader.ReadAsync().AsTask().WaitAsync(Limit);

    private Task OrderAsync(long term, params IReadOnlyList<NodeOrder> orders) => OrderAsync(term, outcome: null, orders);

    private async Task OrderAsync(long term, RunOutcome? outcome, params IReadOnlyList<NodeOrder> orders) =>
        await _orders.Writer.WriteAsync(new NodeOrders(term, TimeSpan.FromSeconds(30), outcome, orders));

    private async Task LeaveAsync(Task agent)
    {
        await _leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => agent.WaitAsync(Limit));
    }
}
