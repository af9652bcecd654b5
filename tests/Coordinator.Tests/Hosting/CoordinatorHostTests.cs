using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class CoordinatorHostTests
{
    public static TheoryData<string, string> Posts => new()
    {
        { "join", """{"workerId":"worker-0","processId":1,"host":"h","codeVersion":"v1","configHash":"hash1"}""" },
        { "heartbeat", """{"workerId":"worker-0","generation":1,"committedStep":5,"metrics":[],"warnings":["w"]}""" },
        { "report", """{"workerId":"worker-0","generation":1,"outcome":"Failed","committedStep":5,"message":"m"}""" },
        { "checkpoint-written", """{"workerId":"worker-0","step":5,"directory":"d"}""" },
        { "stop", """{"by":"somebody","atOnce":true}""" },
        { "checkpoint", "{}" },
    };

    [Fact]
    public async Task A_run_goes_from_joins_to_completion_over_HTTP()
    {
        await using var fixture = await HostFixture.StartAsync(3);
        var clients = Enumerable.Range(0, 3).Select(slot => fixture.Client(slot)).ToList();
        var early = clients[2].JoinAsync("v1", "hash1");
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members[2].Status == MemberStatus.Joined);
        Assert.False(early.IsCompleted);

        var places = await Task.WhenAll(clients[0].JoinAsync("v1", "hash1"), clients[1].JoinAsync("v1", "hash1"), early);
        Assert.Equal([0, 1, 2], places.Select(place => place.Rank));
        Assert.All(places, place => Assert.Equal((1, 3, "127.0.0.1", 4321, "gen1"), (place.Generation, place.WorldSize, place.StoreHost, place.StorePort, place.StorePrefix)));

        await using (var heartbeat = HeartbeatLoop.Start(clients[0], 1, TimeSpan.FromSeconds(1), () => new WorkerProgress(10, [Core.RunScript.Metrics(10)], [])))
        {
            await heartbeat.FlushAsync();
            Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
        }

        await clients[0].CheckpointWrittenAsync(10, "checkpoints/step-10");
        foreach (var client in clients)
        {
            Assert.Equal(Directive.Continue, await client.ReportAsync(1, WorkerOutcome.Completed, 10, message: null));
        }

        Assert.Equal(new RunOutcome(OutcomeKind.Completed, "completed at step 10", new CheckpointMark(10, "checkpoints/step-10")), await fixture.Run.Outcome);
        Assert.Equal([Core.RunScript.Metrics(10)], fixture.Observer.Metrics);
        Assert.Equal(RunPhase.Completed, fixture.Observer.States.Last().Phase);
    }

    [Theory]
    [MemberData(nameof(Posts))]
    public async Task A_request_that_changes_something_needs_the_token(string endpoint, string body)
    {
        await using var fixture = await HostFixture.StartAsync(2);
        await fixture.FormAsync();
        var before = Core.RunScript.Json(fixture.Run.State);
        using var http = new HttpClient();
        foreach (var authorization in new[] { null, "Bearer", "Bearer ", "Bearer wrong", "Basic " + fixture.Host.Token, "bearer" + fixture.Host.Token, "Bearer " + fixture.Host.Token[..^1], "Bearer " + fixture.Host.Token + "0" })
        {
            using var request = Post(fixture, endpoint, body);
            if (authorization is not null)
            {
                Assert.True(request.Headers.TryAddWithoutValidation("Authorization", authorization));
            }

            using var response = await http.SendAsync(request);

            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Contains("CLIPTRAIN_TOKEN", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(before, Core.RunScript.Json(fixture.Run.State));
        using var good = Post(fixture, endpoint, body);
        good.Headers.Authorization = new AuthenticationHeaderValue("Bearer", fixture.Host.Token);
        using var accepted = await http.SendAsync(good);
        Assert.NotEqual(HttpStatusCode.Unauthorized, accepted.StatusCode);
    }

    [Fact]
    public async Task On_loopback_anyone_may_read_the_status()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        using var http = new HttpClient();

        Assert.Equal("ok", await http.GetStringAsync(new Uri(fixture.Host.Address, "/health")));
        var json = await http.GetStringAsync(new Uri(fixture.Host.Address, "/runs/demo"));

        Assert.Equal("Forming", JsonDocument.Parse(json).RootElement.GetProperty("phase").GetString());
        Assert.DoesNotContain(fixture.Host.Token, json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beyond_loopback_reading_needs_the_token_too()
    {
        await using var fixture = await HostFixture.StartAsync(1, new CoordinatorHostOptions { Address = IPAddress.Any, Token = "a token of one's own" });
        using var http = new HttpClient();
        Assert.Equal("127.0.0.1", fixture.Host.Address.Host);
        using (var refused = await http.GetAsync(new Uri(fixture.Host.Address, "/runs/demo")))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "a token of one's own");
        using var response = await http.GetAsync(new Uri(fixture.Host.Address, "/runs/demo"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Beyond_loopback_a_token_is_a_must()
    {
        var error = await Assert.ThrowsAsync<CoordinatorStartException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { Address = IPAddress.Any }, TimeProvider.System));
        Assert.Contains("CLIPTRAIN_TOKEN", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_named_together_with_the_key_that_sets_it()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var error = await Assert.ThrowsAsync<CoordinatorStartException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { Port = port }, TimeProvider.System));

        Assert.Equal($"Port {port} on 127.0.0.1 is in use by another program. Set cluster.port to another port, or to 0 for a free one.", error.Message);
    }

    [Fact]
    public async Task Tokens_are_random()
    {
        await using var one = await CoordinatorHost.StartAsync(new CoordinatorHostOptions(), TimeProvider.System);
        await using var two = await CoordinatorHost.StartAsync(new CoordinatorHostOptions(), TimeProvider.System);
        Assert.NotEqual(one.Token, two.Token);
        Assert.Equal(64, one.Token.Length);
    }

    [Theory]
    [InlineData("heartbeat", "{}", 400, "The body is not a Heartbeat")]
    [InlineData("heartbeat", "null", 400, "it is null")]
    [InlineData("heartbeat", "not json", 400, "The body is not a Heartbeat")]
    [InlineData("report", """{"workerId":"worker-0","generation":1,"outcome":"Exploded","committedStep":5,"message":"m"}""", 400, "$.outcome")]
    [InlineData("heartbeat", """{"workerId":"worker-7","generation":1,"committedStep":5,"metrics":[],"warnings":[]}""", 404, "no worker-7")]
    [InlineData("heartbeat", """{"workerId":"worker-0","generation":9,"committedStep":5,"metrics":[],"warnings":[]}""", 409, "generation 9")]
    public async Task A_wrong_request_is_answered_with_what_is_wrong(string endpoint, string body, int status, string reason)
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await fixture.FormAsync();
        using var http = new HttpClient();
        using var request = Post(fixture, endpoint, body);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", fixture.Host.Token);

        using var response = await http.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(reason, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_is_not_here_is_not_found()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        using var client = new CoordinatorClient(new WorkerEnvironment(fixture.Host.Address, fixture.Host.Token, "other", "worker-0"), fixture.Time);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => client.JoinAsync("v1", "hash1"));
        Assert.Equal("This coordinator has no run other.", error.Message);
    }

    [Fact]
    public async Task A_run_cannot_be_hosted_twice()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var journal = fixture;
        Assert.Throws<ArgumentException>(() => fixture.Host.AddRun(fixture.Run.State.Spec, resumedFrom: null, fixture.Observer, journal, workers: null));
    }

    [Fact]
    public async Task A_held_request_is_given_back_after_a_while_and_repeating_it_loses_nothing()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var join = fixture.Client(0).JoinAsync("v1", "hash1");
        for (var round = 0; round < 3; round++)
        {
            await fixture.Time.WhenTimerRunsAsync(CoordinatorEndpoints.HoldLimit);
            fixture.Time.Advance(CoordinatorEndpoints.HoldLimit);
        }

        Assert.False(join.IsCompleted);
        await fixture.Client(1).JoinAsync("v1", "hash1");
        Assert.Equal(0, (await join).Rank);
    }

    [Fact]
    public async Task A_held_request_that_arrives_twice_is_answered_twice()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var join = new RunMessage.Join(Core.RunScript.JoinRequest(0));
        var (_, first) = await fixture.Run.SendAsync(join, ("worker-0", HeldCall.Join));
        var (_, second) = await fixture.Run.SendAsync(join, ("worker-0", HeldCall.Join));

        await fixture.Run.SendAsync(new RunMessage.Join(Core.RunScript.JoinRequest(1)), ("worker-1", HeldCall.Join));

        Assert.Equal(0, Assert.IsType<RunReply.Assigned>(await first!).Assignment.Rank);
        Assert.Equal(0, Assert.IsType<RunReply.Assigned>(await second!).Assignment.Rank);
    }

    [Fact]
    public async Task The_report_of_a_lost_peer_is_answered_when_it_is_decided_who_saves()
    {
        await using var fixture = await HostFixture.StartAsync(3);
        var clients = await fixture.FormAsync();
        var zero = clients[0].ReportAsync(1, WorkerOutcome.PeerLost, 6, "connection reset");
        var one = clients[1].ReportAsync(1, WorkerOutcome.PeerLost, 7, "connection reset");
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.Count(member => member.Status == MemberStatus.PeerLost) == 2);
        Assert.False(zero.IsCompleted || one.IsCompleted);

        await fixture.Run.SendAsync(new RunMessage.WorkerExited("worker-2", 137, []));

        Assert.Equal(Directive.Abort, await zero);
        Assert.Equal(Directive.SaveAloneAndExit, await one);
        await clients[1].CheckpointWrittenAsync(7, "d");
        Assert.Equal("rank 2 (worker-2) was killed (SIGKILL); out of memory?; resumable from step 7: cliptrain resume demo", (await fixture.Run.Outcome).Message);
    }

    [Fact]
    public async Task A_worker_that_does_not_fit_is_told_why()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.Client(0).JoinAsync("v1", "hash2"));
        Assert.Contains("its configuration hash is hash2, the run's is hash1", error.Message, StringComparison.Ordinal);
        Assert.Contains("hash2", Assert.Single(fixture.Observer.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Leases_run_on_the_host_clock()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await fixture.FormAsync();
        // The ticker runs once a second; each tick is let through before the next.
        for (var second = 0; second < 29; second++)
        {
            await TickAsync(fixture);
        }

        Assert.Equal(RunPhase.Running, fixture.Run.State.Phase);
        await TickAsync(fixture);

        Assert.Equal("rank 0 (worker-0) was not heard of for 30 s; no checkpoint was written", (await fixture.Run.Outcome).Message);
        Assert.Equal(["worker-0"], fixture.Killed);
    }

    [Fact]
    public async Task The_state_is_journaled_before_a_worker_is_answered()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var writing = new TaskCompletionSource();
        var written = new TaskCompletionSource();
        fixture.Journal = state =>
        {
            writing.TrySetResult();
            return written.Task;
        };
        var join = fixture.Client(0).JoinAsync("v1", "hash1");
        await writing.Task;
        Assert.False(join.IsCompleted);
        written.SetResult();
        await join;
    }

    [Fact]
    public async Task A_journal_that_cannot_be_written_is_a_warning()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        fixture.Journal = _ => throw new IOException("No space left on device");
        await fixture.FormAsync();
        Assert.Contains("the run's state could not be written: No space left on device", fixture.Observer.Warnings);
    }

    [Fact]
    public async Task An_observer_that_throws_does_not_disturb_the_run()
    {
        await using var fixture = await HostFixture.StartAsync(1, observer: new ThrowingObserver());
        var clients = await fixture.FormAsync();
        await clients[0].ReportAsync(1, WorkerOutcome.Completed, 3, message: null);
        Assert.Equal(OutcomeKind.Completed, (await fixture.Run.Outcome).Kind);
    }

    [Fact]
    public async Task Closing_the_host_answers_those_who_wait()
    {
        var fixture = await HostFixture.StartAsync(2);
        var join = fixture.Client(0).JoinAsync("v1", "hash1");
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members[0].Status == MemberStatus.Joined);
        await fixture.Host.DisposeAsync();
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => join);
        await fixture.DisposeAsync();
    }

    private static async Task TickAsync(HostFixture fixture)
    {
        fixture.Time.Advance(TimeSpan.FromSeconds(1));
        var now = fixture.Time.GetUtcNow();
        while (fixture.Run.State.LastTick < now)
        {
            await Task.Yield();
        }
    }

    private static HttpRequestMessage Post(HostFixture fixture, string endpoint, string body) =>
        new(HttpMethod.Post, new Uri(fixture.Host.Address, $"/runs/demo/{endpoint}")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    private sealed class ThrowingObserver : IRunObserver
    {
        public void OnStatus(RunState state) => throw new InvalidOperationException("status");

        public void OnMetrics(IReadOnlyList<StepMetrics> metrics) => throw new InvalidOperationException("metrics");

        public void OnWarning(string text) => throw new InvalidOperationException("warning");

        public void OnWorkerLine(WorkerLine line) => throw new InvalidOperationException("line");
    }
}
