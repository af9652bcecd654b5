using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class CoordinatorClientTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task A_call_is_repeated_until_the_coordinator_is_there()
    {
        var time = new ManualTimeProvider();
        var port = FreePort();
        using var client = new CoordinatorClient(new WorkerEnvironment(new Uri($"http://127.0.0.1:{port}"), "token", "demo", "worker-0"), time);
        var join = client.JoinAsync("v1", "hash1");
        await time.WhenTimerRunsAsync(FirstPause);
        await using var fixture = await HostFixture.StartAsync(1, new CoordinatorHostOptions { Port = port, Token = "token" });

        time.Advance(FirstPause);

        Assert.Equal(0, (await join).Rank);
    }

    [Fact]
    public async Task A_coordinator_that_stays_away_is_lost_after_a_bounded_time()
    {
        var time = new ManualTimeProvider();
        var port = FreePort();
        using var client = new CoordinatorClient(new WorkerEnvironment(new Uri($"http://127.0.0.1:{port}"), "token", "demo", "worker-0"), time) { RetryFor = TimeSpan.FromSeconds(10) };
        var start = time.GetUtcNow();
        var join = client.JoinAsync("v1", "hash1");
        foreach (var pause in new[] { 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2, 2 })
        {
            await time.WhenTimerRunsAsync(TimeSpan.FromSeconds(pause));
            time.Advance(TimeSpan.FromSeconds(pause));
        }

        var error = await Assert.ThrowsAsync<CoordinatorLostException>(() => join);
        Assert.StartsWith($"The coordinator at http://127.0.0.1:{port} cannot be reached", error.Message, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(11.1), time.GetUtcNow() - start);
    }

    [Fact]
    public async Task A_wrong_token_is_refused_at_once()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.Client(0, token: "wrong").JoinAsync("v1", "hash1"));
    }

    [Fact]
    public async Task A_call_can_be_cancelled_while_it_waits()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        using var cancel = new CancellationTokenSource();
        var join = fixture.Client(0).JoinAsync("v1", "hash1", cancel.Token);
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members[0].Status == MemberStatus.Joined);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join);
    }

    [Fact]
    public async Task A_checkpoint_request_is_handed_out_once_and_the_next_one_again()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        await using var heartbeat = HeartbeatLoop.Start(client, 1, Interval, () => new WorkerProgress(5, [], []));
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
            await client.CheckpointWrittenAsync(step, "d");
        }

        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task A_stop_is_repeated()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        await using var heartbeat = HeartbeatLoop.Start(client, 1, Interval, () => new WorkerProgress(5, [], []));
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
        var step = 0;
        await using var heartbeat = HeartbeatLoop.Start(client, 1, Interval, () => new WorkerProgress(++step, [Core.RunScript.Metrics(step)], []));
        for (var beat = 1; beat <= 3; beat++)
        {
            var expected = beat;
            await fixture.Observer.WhenAsync(() => fixture.Observer.Metrics.Count >= expected);
            fixture.Time.Advance(Interval);
        }
    }

    [Fact]
    public async Task Metrics_are_kept_until_they_are_delivered()
    {
        var port = FreePort();
        using var client = new CoordinatorClient(new WorkerEnvironment(new Uri($"http://127.0.0.1:{port}"), "token", "demo", "worker-0"), new ManualTimeProvider()) { RetryFor = TimeSpan.Zero };
        var pending = new Queue<IReadOnlyList<StepMetrics>>([[Core.RunScript.Metrics(1)], [Core.RunScript.Metrics(2)], [Core.RunScript.Metrics(3)]]);
        var asked = new SemaphoreSlim(0);
        await using var heartbeat = HeartbeatLoop.Start(client, 1, Interval, () =>
        {
            asked.Release();
            return new WorkerProgress(3, pending.TryDequeue(out var next) ? next : [], []);
        }, loseAfter: TimeSpan.FromHours(1));
        await asked.WaitAsync();
        await Assert.ThrowsAsync<CoordinatorLostException>(() => heartbeat.FlushAsync());

        await using var late = await HostFixture.StartAsync(1, new CoordinatorHostOptions { Port = port, Token = "token" });
        await late.Client(0).JoinAsync("v1", "hash1");
        await heartbeat.FlushAsync();

        Assert.Equal([1, 2, 3], late.Observer.Metrics.Select(metrics => metrics.Step));
        Assert.Null(heartbeat.LossReason);
    }

    [Fact]
    public async Task A_worker_learns_that_its_coordinator_has_gone()
    {
        var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        var time = fixture.Time;
        var asked = new SemaphoreSlim(0);
        await using var heartbeat = HeartbeatLoop.Start(client, 1, Interval, () =>
        {
            asked.Release();
            return new WorkerProgress(1, [], []);
        }, loseAfter: TimeSpan.FromSeconds(5));
        await asked.WaitAsync();
        await heartbeat.FlushAsync();
        var lost = new TaskCompletionSource();
        heartbeat.CoordinatorLost.Register(lost.SetResult);
        await fixture.Host.DisposeAsync();

        while (!lost.Task.IsCompleted)
        {
            time.Advance(Interval);
            await Task.WhenAny(lost.Task, asked.WaitAsync());
        }

        Assert.IsType<CoordinatorLostException>(heartbeat.LossReason);
        client.Dispose();
    }

    [Fact]
    public async Task A_worker_that_is_refused_counts_its_coordinator_as_lost()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        await using var heartbeat = HeartbeatLoop.Start(client, generation: 9, Interval, () => new WorkerProgress(1, [], []));
        var lost = new TaskCompletionSource();
        heartbeat.CoordinatorLost.Register(lost.SetResult);
        await lost.Task;
        Assert.Contains("generation 9", heartbeat.LossReason!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_variable_is_named()
    {
        var error = Assert.Throws<InvalidOperationException>(WorkerEnvironment.Read);
        Assert.Contains("CLIPTRAIN_COORDINATOR", error.Message, StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
