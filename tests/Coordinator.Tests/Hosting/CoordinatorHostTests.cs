using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class CoordinatorHostTests
{
    [Fact]
    public async Task A_run_goes_from_joins_to_completion_over_HTTP()
    {
        await using var fixture = await HostFixture.StartAsync(3);
        var clients = Enumerable.Range(0, 3).Select(slot => fixture.Client(slot)).ToList();
        var early = clients[2].JoinAsync(RunScript.JoinRequest(2));
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.ElementAt(2).Status == MemberStatus.Joined);
        Assert.False(early.IsCompleted);

        var places = (await Task.WhenAll(clients[0].JoinAsync(RunScript.JoinRequest(0)), clients[1].JoinAsync(RunScript.JoinRequest(1)), early)).Select(answer => answer.Assignment!).ToList();
        Assert.Equal([0, 1, 2], places.Select(place => place.Rank));
        Assert.All(places, place => Assert.Equal(new Assignment(1, place.Rank, 3, 0), place));

        await using (var heartbeat = HeartbeatLoop.Start(clients[0], "process-0-0", TimeSpan.FromSeconds(1), () => new WorkerProgress(10, RunScript.Records(1, 10, world: 3), []), _ => { }))
        {
            heartbeat.Enter(1);
            await heartbeat.FlushAsync();
            Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
        }

        await clients[0].CheckpointWrittenAsync("process-0-0", 10, "checkpoints/step-10");
        var answers = await Task.WhenAll(clients.Select((client, slot) => client.ReportAsync(HostFixture.Report(slot, WorkerOutcome.Completed, 10))));
        Assert.All(answers, answer => Assert.Equal(Directive.Continue, answer));

        Assert.Equal(new RunOutcome(OutcomeKind.Completed, "completed at step 10", new CheckpointMark(10, "checkpoints/step-10")), await fixture.Run.Outcome);
        Assert.Equal(Enumerable.Range(1, 10).Select(step => RunScript.Metrics(step)), fixture.Observer.Metrics);
        Assert.Equal(RunPhase.Completed, fixture.Observer.States.Last().Phase);
        Assert.Equal(["worker-0", "worker-1", "worker-2"], fixture.Ledger.LastGeneration!.Workers);
        Assert.Equal(Enumerable.Range(1, 10).Select(step => (long)step), fixture.Ledger.Steps);
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

    [Theory]
    [InlineData("heartbeat", "{}", 400, "The body is not a Heartbeat")]
    [InlineData("heartbeat", "null", 400, "it is null")]
    [InlineData("heartbeat", "not json", 400, "The body is not a Heartbeat")]
    [InlineData("report", """{"workerId":"worker-0","incarnation":"i","generation":1,"outcome":"Exploded","committedStep":5,"message":"m"}""", 400, "$.outcome")]
    [InlineData("store", """{"workerId":"worker-0","generation":1,"op":"Set","key":"k","value":"not base 64!"}""", 400, "$.value")]
    [InlineData("store", """{"workerId":"worker-0","generation":9,"op":"Set","key":"k"}""", 409, "Generation 9")]
    [InlineData("report", """{"workerId":"worker-7","incarnation":"i","generation":1,"outcome":"Completed","committedStep":5,"message":"m"}""", 404, "no worker-7")]
    [InlineData("checkpoint-written", """{"workerId":"worker-7","incarnation":"a","step":5,"directory":"d"}""", 404, "no worker-7")]
    public async Task A_wrong_request_is_answered_with_what_is_wrong(string endpoint, string body, int status, string reason)
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await fixture.FormAsync();
        using var http = new HttpClient();
        using var request = fixture.Request("POST", $"demo/{endpoint}", body);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", fixture.Host.Token);

        using var response = await http.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(reason, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_from_elsewhere_finds_the_run_and_its_files_by_address_and_token()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var lobby = fixture.Client(0, run: "");
        Assert.Equal(["demo"], await lobby.RunsAsync());
        var client = fixture.Client(0);
        Assert.Equal("the config"u8.ToArray(), await client.ConfigAsync());
        Assert.Equal("the manifest"u8.ToArray(), await client.ManifestAsync());
    }

    [Fact]
    public async Task A_run_without_files_to_offer_says_so()
    {
        await using var fixture = await HostFixture.StartEmptyAsync();
        fixture.Open(new RunScript(1).State);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.Client(0).ConfigAsync());
        Assert.Equal("Run demo has only workers that its coordinator starts.", error.Message);
    }

    [Fact]
    public async Task A_run_that_is_not_here_is_not_found()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.Client(0, run: "other").JoinAsync(RunScript.JoinRequest(0)));
        Assert.Equal("This coordinator has no run other.", error.Message);
    }

    [Fact]
    public async Task A_run_cannot_be_hosted_twice()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        Assert.Throws<ArgumentException>(() => fixture.Host.AddRun(fixture.Run.State.Spec, resumedFrom: null, fixture.Observer, fixture, fixture.Ledger, workers: null));
    }

    [Fact]
    public async Task A_held_request_is_given_back_after_a_while_and_repeating_it_loses_nothing()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var join = fixture.JoinAsync(0);
        for (var round = 0; round < 3; round++)
        {
            await fixture.Time.WhenTimerRunsAsync(CoordinatorEndpoints.HoldLimit);
            fixture.Time.Advance(CoordinatorEndpoints.HoldLimit);
        }

        Assert.False(join.IsCompleted);
        await fixture.JoinAsync(1);
        Assert.Equal(0, (await join).Assignment!.Rank);
    }

    [Fact]
    public async Task A_held_request_that_arrives_twice_is_answered_twice()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var join = new RunMessage.Join(RunScript.JoinRequest(0));
        var (_, first) = await fixture.Run.SendAsync(join, ("worker-0", HeldCall.Join));
        var (_, second) = await fixture.Run.SendAsync(join, ("worker-0", HeldCall.Join));

        await fixture.Run.SendAsync(new RunMessage.Join(RunScript.JoinRequest(1)), ("worker-1", HeldCall.Join));

        Assert.Equal(0, Assert.IsType<RunReply.Assigned>(await first!).Assignment.Rank);
        Assert.Equal(0, Assert.IsType<RunReply.Assigned>(await second!).Assignment.Rank);
    }

    [Fact]
    public async Task When_a_worker_fails_the_one_with_the_newest_state_is_asked_to_save_it()
    {
        await using var fixture = await HostFixture.StartAsync(3);
        var clients = await fixture.FormAsync();
        Assert.Equal(Directive.Abort, await clients[2].ReportAsync(HostFixture.Report(2, WorkerOutcome.Failed, 6, "bad data")));
        var zero = clients[0].JoinAsync(RunScript.JoinRequest(0) with { HeldStep = 6, LeftGeneration = 1, Reason = "connection reset" });
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.First().Status == MemberStatus.Joined);
        Assert.False(zero.IsCompleted);

        var one = await clients[1].JoinAsync(RunScript.JoinRequest(1) with { HeldStep = 7, LeftGeneration = 1, Reason = "connection reset" });

        Assert.Equal(new JoinAnswer(null, Directive.Abort), await zero);
        Assert.Equal(new JoinAnswer(null, Directive.SaveAloneAndExit), one);
        await clients[1].CheckpointWrittenAsync("process-1-0", 7, "d");
        Assert.Equal("rank 2 (worker-2): bad data; resumable from step 7: cliptrain resume demo", (await fixture.Run.Outcome).Message);
    }

    [Fact]
    public async Task A_local_worker_that_ended_is_started_again()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        await fixture.Run.SendAsync(new RunMessage.NodeJoined(new Node(Node.Local, "a", 2)));
        await fixture.FormAsync();
        await fixture.Run.SendAsync(new RunMessage.WorkerExited("worker-1", 137, []));
        Assert.Equal(["worker-0", "worker-1", "worker-1"], fixture.Started);
    }

    [Fact]
    public async Task A_worker_that_does_not_fit_is_told_why()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.Client(0).JoinAsync(RunScript.JoinRequest(0) with { ConfigHash = "hash2" }));
        Assert.Contains("its configuration hash is hash2, the run's is hash1", error.Message, StringComparison.Ordinal);
        Assert.Contains("hash2", Assert.Single(fixture.Observer.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Leases_run_on_the_host_clock()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await fixture.FormAsync();
        for (var second = 0; second < 29; second++)
        {
            await fixture.TickAsync();
        }

        Assert.Equal(RunPhase.Running, fixture.Run.State.Phase);
        await fixture.TickAsync();

        Assert.Equal(RunPhase.Forming, fixture.Run.State.Phase);
        Assert.Contains("rank 0 (worker-0) was not heard of for 30 s", fixture.Observer.Warnings);
        Assert.Equal(["worker-0"], fixture.Killed);
    }

    [Fact]
    public async Task The_silence_of_all_workers_is_measured_from_their_last_message()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        fixture.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), fixture.Run.SinceLastMessage);
        await fixture.FormAsync();
        Assert.Equal(TimeSpan.Zero, fixture.Run.SinceLastMessage);
        fixture.Time.Advance(TimeSpan.FromSeconds(1));
        await fixture.Run.RequestCheckpointAsync();
        Assert.Equal(TimeSpan.FromSeconds(1), fixture.Run.SinceLastMessage);
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
        var join = fixture.JoinAsync(0);
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
        await clients[0].ReportAsync(HostFixture.Report(0, WorkerOutcome.Completed, 3));
        Assert.Equal(OutcomeKind.Completed, (await fixture.Run.Outcome).Kind);
    }

    [Fact]
    public async Task A_coordinator_that_closes_lets_those_who_wait_try_for_another()
    {
        var fixture = await HostFixture.StartAsync(2);
        using var client = new CoordinatorClient(new WorkerEnvironment(fixture.Host.Address, fixture.Host.Token, "demo", "worker-0"), fixture.Time) { RetryFor = TimeSpan.Zero };
        var join = client.JoinAsync(RunScript.JoinRequest(0));
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.First().Status == MemberStatus.Joined);
        await fixture.Host.DisposeAsync();
        await Assert.ThrowsAsync<CoordinatorLostException>(() => join);
    }

    [Fact]
    public async Task A_run_that_has_ended_tells_so_to_who_comes_late()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        await fixture.Run.RequestStopAsync("Ctrl-C");
        await fixture.Run.DisposeAsync();
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.JoinAsync(0));
        Assert.StartsWith("stopped at once by Ctrl-C", error.Message, StringComparison.Ordinal);
    }

    private sealed class ThrowingObserver : IRunObserver
    {
        public void OnStatus(RunState state) => throw new InvalidOperationException("status");

        public void OnMetrics(IReadOnlyList<StepMetrics> metrics) => throw new InvalidOperationException("metrics");

        public void OnWarning(string text) => throw new InvalidOperationException("warning");

        public void OnWorkerLine(WorkerLine line) => throw new InvalidOperationException("line");
    }
}
