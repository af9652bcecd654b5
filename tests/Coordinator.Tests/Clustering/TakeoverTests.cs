using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using Orleans.Configuration;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>Coordinator processes that die or are suspended, and those that continue.</summary>
public sealed class TakeoverTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private ClusterIdentity Identity => ClusterIdentity.Open(_directory.Path);

    [Fact]
    public async Task A_killed_process_is_declared_dead_by_its_lock_and_a_client_goes_on_with_another()
    {
        using var victim = await SiloProcess.StartAsync(_directory.Path, "victim", isOneMachine: true);
        await using var survivor = await TestSilo.StartAsync(new TestSiloOptions(Identity) { Configure = WithoutProbes });
        await survivor.UntilActiveAsync("first", "victim");
        var gateways = new SeedGateways([
            .. (await new FileGatewayListProvider(Identity).GetGateways())
                .Where(gateway => gateway.Port != survivor.Endpoint.GatewayPort)
                .Select(gateway => new System.Net.DnsEndPoint(gateway.Host, gateway.Port)),
        ]);
        await using var client = await ClusterClient.ConnectAsync(gateways, TestSiloOptions.Client, CancellationToken.None);
        // The client was told of the victim alone.
        while (!(await gateways.GetGateways()).Any(gateway => gateway.Port == survivor.Endpoint.GatewayPort))
        {
            await client.Grains.GetGrain<ITestGrain>("where").WhereAsync();
        }

        victim.Kill();

        await survivor.UntilActiveAsync("first");
        await survivor.UntilWarnedAsync("victim");
        Assert.Equal("first", await AnswerAsync(client.Grains.GetGrain<ITestGrain>("where").WhereAsync));
    }

    [Fact]
    public async Task When_all_processes_were_killed_the_next_one_starts_at_once()
    {
        using (var victim = await SiloProcess.StartAsync(_directory.Path, "victim", isOneMachine: true))
        {
            victim.Kill();
            await victim.EndAsync();
        }

        // If its row still said that it lives, the next one would wait for its answers: two minutes in tests.
        var options = new TestSiloOptions(Identity)
        {
            Configure = silo =>
                silo.Configure<ClusterMembershipOptions>(membership => membership.IAmAliveTablePublishTimeout = TimeSpan.FromHours(1)),
        };
        await using var next = await TestSilo.StartAsync(options).WaitAsync(TimeSpan.FromMinutes(5));

        await next.UntilActiveAsync("first");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_end_of_a_process_leaves_the_grains_of_the_others_alone(bool isKilled)
    {
        await using var host = await TestSilo.StartAsync(new TestSiloOptions(Identity));
        using var other = await SiloProcess.StartAsync(_directory.Path, "other", isOneMachine: true);
        await host.UntilActiveAsync("first", "other");
        var grains = Enumerable.Range(0, 40).Select(i => host.Grains.GetGrain<ITestGrain>($"grain {i}")).ToList();
        var before = await Task.WhenAll(grains.Select(grain => grain.ActivationAsync()));
        Assert.Contains(before, activation => activation.Silo == "first");

        other.Signal(isKilled ? "KILL" : "TERM");
        await other.EndAsync();
        await host.UntilActiveAsync("first");

        foreach (var (grain, activation) in grains.Zip(before).Where(pair => pair.Second.Silo == "first"))
        {
            Assert.Equal(activation, await grain.ActivationAsync());
        }
    }

    [Fact]
    public async Task A_client_leaves_a_process_that_has_fallen_silent_with_its_connections_open()
    {
        using var silent = await SiloProcess.StartAsync(_directory.Path, "silent", isOneMachine: false);
        await using var answering = await TestSilo.StartAsync(
            new TestSiloOptions(Identity) { IsOneMachine = false, Configure = WithEagerProbes }
        );
        await answering.UntilActiveAsync("first", "silent");
        var gateways = await GatewaysAsync();
        await using var client = await ConnectAsync(gateways, TimeSpan.FromMinutes(10));
        var grains = Enumerable.Range(0, 20).Select(i => client.Grains.GetGrain<IGatewayTestGrain>(i)).ToList();
        Assert.Contains("silent", await Task.WhenAll(grains.Select(grain => grain.WhereAsync())));

        silent.Stop();
        await answering.UntilActiveAsync("first");

        // Which gateway a call takes depends on the grain.
        foreach (var grain in grains)
        {
            Assert.Equal("first", await GrainCalls.RepeatAsync(grain.WhereAsync, TimeSpan.FromMinutes(5), TimeProvider.System));
        }

        Assert.Equal([answering.Endpoint.GatewayPort], (await gateways.GetGateways()).Select(gateway => gateway.Port));
    }

    [Fact]
    public async Task A_client_that_has_left_a_stopped_process_gets_its_answers_when_it_goes_on()
    {
        using var stopped = await SiloProcess.StartAsync(_directory.Path, "stopped", isOneMachine: false);
        await using var answering = await TestSilo.StartAsync(
            new TestSiloOptions(Identity)
            {
                IsOneMachine = false,
                KeepsAnswers = false,
                Configure = WithoutProbes,
            }
        );
        await answering.UntilActiveAsync("first", "stopped");
        var gateways = await GatewaysAsync();
        // Longer than it takes the client to leave.
        await using var client = await ConnectAsync(gateways, TimeSpan.FromSeconds(8));
        var grains = Enumerable.Range(0, 40).Select(i => client.Grains.GetGrain<ITestGrain>($"grain {i}")).ToList();
        var before = await Task.WhenAll(
            grains.Select(grain => GrainCalls.RepeatAsync(grain.ActivationAsync, TimeSpan.FromMinutes(5), TimeProvider.System))
        );
        var there = grains.Zip(before).Where(pair => pair.Second.Silo == "stopped").ToList();
        Assert.NotEmpty(there);

        stopped.Stop();
        await Task.WhenAll(there.Select(pair => Assert.ThrowsAsync<TimeoutException>(pair.First.ActivationAsync)));
        stopped.Signal("CONT");

        // Orleans keeps answers for a client that has gone in case it returns, and returns to nobody what is asked meanwhile.
        Assert.InRange(answering.ClientDropTimeout, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        foreach (var (grain, activation) in there)
        {
            Assert.Equal(activation, await GrainCalls.RepeatAsync(grain.ActivationAsync, TimeSpan.FromMinutes(5), TimeProvider.System));
        }
    }

    [Fact]
    public async Task A_process_that_was_stopped_for_too_long_ends_with_a_code_of_its_own_when_it_wakes_up()
    {
        using var stopped = await SiloProcess.StartAsync(_directory.Path, "stopped", isOneMachine: false);
        await using var survivor = await TestSilo.StartAsync(
            new TestSiloOptions(Identity) { IsOneMachine = false, Configure = WithEagerProbes }
        );
        await survivor.UntilActiveAsync("first", "stopped");

        stopped.Stop();
        await survivor.UntilActiveAsync("first");
        stopped.Signal("CONT");

        var line = Assert.Single((await stopped.EndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("The other coordinator processes declared this one dead", line, StringComparison.Ordinal);
        Assert.Equal(DeclaredDead.ExitCode, stopped.ExitCode);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Only the death watch can detect it.</summary>
    private static void WithoutProbes(ISiloBuilder silo) =>
        silo.Configure<ClusterMembershipOptions>(options =>
            (options.ProbeTimeout, options.MaxProbeTimeout, options.EnableConnectionLivenessCheck) = (
                TimeSpan.FromHours(1),
                TimeSpan.FromHours(1),
                false
            )
        );

    /// <summary>Finds a stopped process in seconds, and takes no busy one for stopped.</summary>
    private static void WithEagerProbes(ISiloBuilder silo) =>
        silo.Configure<ClusterMembershipOptions>(options =>
        {
            (options.ProbeTimeout, options.MinProbeTimeout, options.MaxProbeTimeout) = (
                TimeSpan.FromSeconds(2),
                TimeSpan.FromSeconds(2),
                TimeSpan.FromSeconds(2)
            );
            options.NumMissedProbesLimit = 3;
        });

    private async Task<SeedGateways> GatewaysAsync() =>
        new([
            .. (await new FileGatewayListProvider(Identity).GetGateways()).Select(gateway => new System.Net.DnsEndPoint(
                gateway.Host,
                gateway.Port
            )),
        ]);

    private static Task<ConnectedClient> ConnectAsync(SeedGateways gateways, TimeSpan responseTimeout)
    {
        var options = TestSiloOptions.Client with
        {
            Configure = client => client.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = responseTimeout),
        };
        return ClusterClient.ConnectAsync(gateways, options, CancellationToken.None);
    }

    /// <summary>Repeats a call that is lost with the dead process.</summary>
    private static Task<T> AnswerAsync<T>(Func<Task<T>> call) =>
        GrainCalls.RepeatAsync(() => call().WaitAsync(TimeSpan.FromSeconds(3)), TimeSpan.FromMinutes(5), TimeProvider.System);
}
