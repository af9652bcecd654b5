using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class CoordinatorClientTests
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task A_call_is_repeated_until_the_coordinator_is_there()
    {
        var time = new ManualTimeProvider();
        var port = FreePort();
        using var client = new CoordinatorClient(new WorkerEnvironment(new Uri($"http://127.0.0.1:{port}"), "token", "demo", "worker-0"), time);
        var join = client.JoinAsync(RunScript.JoinRequest(0));
        await time.WhenTimerRunsAsync(FirstPause);
        await using var fixture = await HostFixture.StartAsync(1, new CoordinatorHostOptions { Port = port, Token = "token" });

        time.Advance(FirstPause);

        Assert.Equal(0, (await join).Assignment!.Rank);
    }

    [Fact]
    public async Task A_coordinator_that_stays_away_is_lost_after_a_bounded_time()
    {
        var time = new ManualTimeProvider();
        var port = FreePort();
        using var client = new CoordinatorClient(new WorkerEnvironment(new Uri($"http://127.0.0.1:{port}"), "token", "demo", "worker-0"), time) { RetryFor = TimeSpan.FromSeconds(10) };
        var start = time.GetUtcNow();
        var join = client.JoinAsync(RunScript.JoinRequest(0));
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
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => fixture.Client(0, token: "wrong").JoinAsync(RunScript.JoinRequest(0)));
    }

    [Fact]
    public async Task A_coordinator_that_has_not_taken_its_run_up_yet_is_tried_again()
    {
        await using var fixture = await HostFixture.StartEmptyAsync();
        var join = fixture.JoinAsync(0);
        await fixture.Time.WhenTimerRunsAsync(FirstPause);
        fixture.Open(new RunScript(1, managed: 0).State);
        fixture.Time.Advance(FirstPause);
        Assert.Equal(0, (await join).Assignment!.Rank);
    }

    [Fact]
    public async Task A_call_can_be_cancelled_while_it_waits()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        using var cancel = new CancellationTokenSource();
        var join = fixture.Client(0).JoinAsync(RunScript.JoinRequest(0), cancel.Token);
        await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.First().Status == MemberStatus.Joined);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join);
    }

    [Fact]
    public void A_missing_variable_is_named()
    {
        var error = Assert.Throws<InvalidOperationException>(WorkerEnvironment.Read);
        Assert.Contains("CLIPTRAIN_COORDINATOR", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_worker_is_told_by_variables_is_what_it_reads()
    {
        var identity = new WorkerEnvironment(new Uri("https://node1:7700"), "token", "demo", "worker-3") { TrustedCertificate = "/ca.pem" };
        var variables = new Dictionary<string, string?>(StringComparer.Ordinal);
        identity.WriteTo(variables);
        Assert.Equal("/ca.pem", variables["CLIPTRAIN_CA"]);
        (identity with { TrustedCertificate = null }).WriteTo(variables);
        Assert.Null(variables["CLIPTRAIN_CA"]);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
