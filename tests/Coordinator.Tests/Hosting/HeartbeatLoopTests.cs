using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class HeartbeatLoopTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_worker_is_heard_of_before_it_has_a_place()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var client = fixture.Client(0);
        var join = client.JoinAsync(RunScript.JoinRequest(0));
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.First().Status == MemberStatus.Joined);
        fixture.Time.Advance(TimeSpan.FromSeconds(5));
        await using var heartbeat = Start(client, () => new WorkerProgress(0, [], []));
        await heartbeat.FlushAsync();
        Assert.Equal(fixture.Time.GetUtcNow(), fixture.Run.State.Members.First().LastHeard);
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
        Assert.False(join.IsCompleted);
    }

    [Fact]
    public async Task A_checkpoint_request_is_handed_out_once_and_the_next_one_again()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        await using var heartbeat = Start(client, () => new WorkerProgress(5, [], []));
        heartbeat.Enter(1);
        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
        for (var step = 6; step < 9; step++)
        {
            await fixture.Run.RequestCheckpointAsync();
            await heartbeat.FlushAsync();
            Assert.Equal(Directive.Checkpoint, heartbeat.TakeDirective());
            Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
            await heartbeat.FlushAsync();
            Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
            await client.CheckpointWrittenAsync("process-0-0", step, "d");
        }

        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task A_stop_is_repeated()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        await using var heartbeat = Start(client, () => new WorkerProgress(5, [], []));
        heartbeat.Enter(1);
        await fixture.Run.RequestStopAsync("Ctrl-C");
        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Stop, heartbeat.TakeDirective());
        Assert.Equal(Directive.Stop, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task The_loop_beats_on_its_own()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        var beats = new SemaphoreSlim(0);
        await using var heartbeat = Start(client, () => new WorkerProgress(0, [], []), _ => beats.Release());
        heartbeat.Enter(1);
        for (var beat = 1; beat <= 3; beat++)
        {
            fixture.Time.Advance(Interval);
            await beats.WaitAsync();
        }
    }

    [Fact]
    public async Task Records_are_acknowledged_when_they_are_in_the_ledger()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        var acknowledged = new List<long>();
        await using var heartbeat = Start(client, () => new WorkerProgress(3, RunScript.Records(1, 3, world: 1), []), acknowledged.Add);
        heartbeat.Enter(1);
        fixture.Ledger.Failure = new IOException("No space left on device.");
        await heartbeat.FlushAsync();
        await heartbeat.FlushAsync();
        Assert.Empty(fixture.Ledger.Steps);
        Assert.All(acknowledged, step => Assert.Equal(0, step));
        Assert.Equal(["the run's ledger could not be written: No space left on device. Workers keep their records until it can be."], fixture.Observer.Warnings);

        fixture.Ledger.Failure = null;
        await fixture.TickAsync();
        await heartbeat.FlushAsync();

        Assert.Equal([1, 2, 3], fixture.Ledger.Steps);
        Assert.Equal(3, acknowledged[^1]);
        Assert.Equal([1, 2, 3], fixture.Observer.Metrics.Select(metrics => metrics.Step));
    }

    [Fact]
    public async Task Warnings_are_kept_until_they_are_delivered()
    {
        var options = new CoordinatorHostOptions { Token = "token" };
        await using var first = await HostFixture.StartAsync(1, options);
        await first.FormAsync();
        using var client = new CoordinatorClient(new WorkerEnvironment(first.Host.Address, "token", "demo", "worker-0"), first.Time) { RetryFor = TimeSpan.Zero };
        await first.Host.DisposeAsync();
        var pending = new Queue<string>(["one", "two"]);
        await using var heartbeat = Start(client, () => new WorkerProgress(0, [], pending.TryDequeue(out var next) ? [next] : []));
        heartbeat.Enter(1);
        await Assert.ThrowsAsync<CoordinatorLostException>(() => heartbeat.FlushAsync());
        await Assert.ThrowsAsync<CoordinatorLostException>(() => heartbeat.FlushAsync());

        await using var second = await HostFixture.ReopenAsync(first.Run.State, options with { Port = first.Host.Address.Port }, first.Ledger);
        await heartbeat.FlushAsync();
        await heartbeat.FlushAsync();

        Assert.Equal(["rank 0 (worker-0): one", "rank 0 (worker-0): two"], second.Observer.Warnings);
    }

    [Fact]
    public async Task When_a_generation_breaks_its_token_is_cancelled_and_the_next_one_has_its_own()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var clients = await fixture.FormAsync();
        await using var heartbeat = Start(clients[0], () => new WorkerProgress(0, [], []));
        var broken = heartbeat.Enter(1);
        await heartbeat.FlushAsync();
        Assert.False(broken.IsCancellationRequested);

        await fixture.Run.SendAsync(new RunMessage.WorkerExited("worker-1", 137, []));
        await heartbeat.FlushAsync();

        Assert.True(broken.IsCancellationRequested);
        Assert.False(heartbeat.Enter(2).IsCancellationRequested);
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task An_answer_to_a_generation_that_the_worker_has_left_means_nothing()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var clients = await fixture.FormAsync();
        var acknowledged = 0;
        var first = new TaskCompletionSource();
        HeartbeatLoop? loop = null;
        CancellationToken? next = null;
        var leaves = false;
        await using var heartbeat = loop = Start(
            clients[0],
            () =>
            {
                // The worker enters the next generation while a heartbeat of the one before is on its way.
                next = leaves ? loop!.Enter(2) : null;
                return new WorkerProgress(0, [], []);
            },
            _ =>
            {
                acknowledged++;
                first.TrySetResult();
            });
        await first.Task;
        loop.Enter(1);
        await loop.FlushAsync();
        await fixture.Run.SendAsync(new RunMessage.WorkerExited("worker-1", 137, []));
        Assert.Equal(2, acknowledged);
        leaves = true;

        await loop.FlushAsync();

        Assert.False(next!.Value.IsCancellationRequested);
        Assert.Equal(2, acknowledged);
        Assert.Equal(Directive.Continue, loop.TakeDirective());
    }

    [Fact]
    public async Task A_worker_whose_run_has_ended_without_it_is_torn_out_too()
    {
        await using var fixture = await HostFixture.StartAsync(1, spec: RunScript.Spec(1, managed: 0));
        var client = (await fixture.FormAsync())[0];
        await using var heartbeat = Start(client, () => new WorkerProgress(0, [], []));
        var broken = heartbeat.Enter(1);
        await fixture.Run.RequestStopAsync("Ctrl-C", atOnce: true);
        await heartbeat.FlushAsync();
        Assert.True(broken.IsCancellationRequested);
        Assert.Equal(Directive.Abort, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task A_worker_learns_that_its_coordinator_has_gone()
    {
        var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        var asked = new SemaphoreSlim(0);
        await using var heartbeat = HeartbeatLoop.Start(client, RunScript.JoinRequest(0).Incarnation, Interval, () =>
        {
            asked.Release();
            return new WorkerProgress(1, [], []);
        }, _ => { }, loseAfter: TimeSpan.FromSeconds(5));
        await asked.WaitAsync();
        await heartbeat.FlushAsync();
        var lost = new TaskCompletionSource();
        heartbeat.CoordinatorLost.Register(lost.SetResult);
        await fixture.Host.DisposeAsync();

        while (!lost.Task.IsCompleted)
        {
            fixture.Time.Advance(Interval);
            await Task.WhenAny(lost.Task, asked.WaitAsync());
        }

        Assert.IsType<CoordinatorLostException>(heartbeat.LossReason);
        client.Dispose();
    }

    [Fact]
    public async Task A_worker_that_is_refused_counts_its_coordinator_as_lost()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await using var heartbeat = Start(fixture.Client(0, token: "wrong"), () => new WorkerProgress(1, [], []));
        var lost = new TaskCompletionSource();
        heartbeat.CoordinatorLost.Register(lost.SetResult);
        await lost.Task;
        Assert.Contains("token", heartbeat.LossReason!.Message, StringComparison.Ordinal);
    }

    private static HeartbeatLoop Start(CoordinatorClient client, Func<WorkerProgress> progress, Action<long>? acknowledge = null) =>
        HeartbeatLoop.Start(client, RunScript.JoinRequest(RunScript.Slot(client.WorkerId)).Incarnation, Interval, progress, acknowledge ?? (_ => { }));
}
