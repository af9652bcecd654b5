using System.Net;
using System.Net.Sockets;
using System.Text;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.Tests.Rules;
using ClipTrain.Coordinator.Tests.Security;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>Two silos with the membership table in files, for all tests of the class.</summary>
public sealed class FileCluster : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();

    internal ClusterIdentity Identity => ClusterIdentity.Open(_directory.Path);

    internal TestSilo First { get; private set; } = null!;

    internal TestSilo Second { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        First = await TestSilo.StartAsync(new TestSiloOptions(Identity));
        Second = await TestSilo.StartAsync(new TestSiloOptions(Identity) { Name = "second" });
        await First.UntilActiveAsync("first", "second");
    }

    public async Task DisposeAsync()
    {
        await Second.DisposeAsync();
        await First.DisposeAsync();
        _directory.Dispose();
    }
}

public sealed class FileClusterTests(FileCluster cluster) : IClassFixture<FileCluster>
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan Patient = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task A_client_of_the_run_directory_reaches_grains_with_the_messages_of_the_protocol()
    {
        await using var client = await ClusterClient.ConnectAsync(cluster.Identity, TestSiloOptions.Client, CancellationToken.None);
        var request = RunScript.JoinRequest(3);

        Assert.Equal(request, await client.Grains.GetGrain<ITestGrain>("echo").EchoAsync(request));
    }

    [Fact]
    public async Task A_client_with_one_address_needs_nothing_else()
    {
        await using var client = await ClusterClient.ConnectAsync(cluster.First.Seed, TestSiloOptions.Client, CancellationToken.None);

        Assert.Contains(await client.Grains.GetGrain<ITestGrain>("where").WhereAsync(), new[] { "first", "second" });
    }

    [Fact]
    public async Task Whoever_asks_for_the_gateways_is_answered_when_another_joins()
    {
        var gateways = cluster.First.Grains.GetGrain<IGatewaysGrain>(0);
        var known = await gateways.ListAsync([]);
        var pending = gateways.ListAsync(known);
        Assert.False(pending.IsCompleted);

        await using var third = await TestSilo.StartAsync(new TestSiloOptions(cluster.Identity) { Name = "third" });
        var learned = await pending;
        while (learned.SequenceEqual(known, StringComparer.Ordinal))
        {
            learned = await gateways.ListAsync(learned);
        }

        Assert.Equal([third.Endpoint.Gateway.ToString()], learned.Except(known, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Grain_state_is_kept_in_the_cluster_folder()
    {
        var grain = cluster.First.Grains.GetGrain<ITestGrain>("count");
        await grain.CountAsync();

        Assert.Equal(2, await grain.CountAsync());

        Assert.NotEmpty(Directory.GetDirectories(Path.Combine(cluster.Identity.Directory, "state", "count")));
    }

    [Fact]
    public async Task A_wrong_token_is_refused_in_one_sentence()
    {
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() =>
            ConnectAsync(cluster.First.Seed, new ClusterSecurity("guess"))
        );

        Assert.Equal(
            $"127.0.0.1:{cluster.First.Endpoint.GatewayPort} rejects this token, which is not the one of its cluster.",
            error.Message
        );
        Assert.DoesNotContain("guess", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_with_TLS_learns_that_the_coordinator_has_none()
    {
        using var authority = new TestAuthority();

        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() =>
            ConnectAsync(cluster.First.Seed, TestSiloOptions.Token with { Tls = authority.Identity() })
        );

        Assert.Contains("runs without TLS", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_ports_between_silos_demand_the_token_as_well()
    {
        var silo = new SeedGateways([new DnsEndPoint("127.0.0.1", cluster.First.Endpoint.SiloPort)]);

        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => ConnectAsync(silo, new ClusterSecurity("guess")));
    }

    [Fact]
    public async Task A_server_of_another_protocol_is_no_coordinator()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, "SSH-2.0-OpenSSH_9.2\r\n");

        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => ConnectAsync(Seed(listener), TestSiloOptions.Token));

        Assert.Contains("is not a ClipTrain coordinator", error.Message, StringComparison.Ordinal);
        (await serving).Dispose();
    }

    [Fact]
    public async Task An_address_where_nobody_listens_is_given_up_when_patience_ends()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var seed = Seed(listener);
        listener.Dispose();

        var error = await Assert.ThrowsAsync<CoordinatorLostException>(() =>
            ClusterClient.ConnectAsync(seed, TestSiloOptions.Client with { Patience = Soon }, CancellationToken.None)
        );

        Assert.StartsWith($"No coordinator of {seed} could be reached", error.Message, StringComparison.Ordinal);
        Assert.Contains("refused", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_coordinator_that_starts_late_is_waited_for_and_each_reason_is_told_once()
    {
        using var directory = new TemporaryDirectory();
        var free = SiloEndpoint.OnLoopback("late").WithFreePorts();
        var told = new List<string>();
        var waits = new TaskCompletionSource();
        var connecting = ClusterClient.ConnectAsync(
            new SeedGateways([new DnsEndPoint("127.0.0.1", free.GatewayPort)]),
            TestSiloOptions.Client with
            {
                OnWaiting = reason =>
                {
                    told.Add(reason);
                    waits.TrySetResult();
                },
            },
            CancellationToken.None
        );
        await waits.Task.WaitAsync(Patient);
        await using var late = await TestSilo.StartAsync(
            new TestSiloOptions(ClusterIdentity.Open(directory.Path)) { GatewayPort = free.GatewayPort }
        );

        await using var client = await connecting.WaitAsync(Patient);

        Assert.NotEmpty(await client.Grains.GetGrain<ITestGrain>("where").WhereAsync());
        Assert.Contains("refused", told[0], StringComparison.Ordinal);
        Assert.DoesNotContain(told.Zip(told.Skip(1)), pair => pair.First == pair.Second);
    }

    [Fact]
    public async Task A_run_that_nobody_hosts_is_given_up_when_patience_ends()
    {
        using var directory = new TemporaryDirectory();

        var error = await Assert.ThrowsAsync<CoordinatorLostException>(() =>
            ClusterClient.ConnectAsync(
                ClusterIdentity.Open(directory.Path),
                TestSiloOptions.Client with
                {
                    Patience = Soon,
                },
                CancellationToken.None
            )
        );

        Assert.Contains("no coordinator process is running", error.Message, StringComparison.Ordinal);
        Assert.Contains(directory.Path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_thousand_connections_that_say_nothing_keep_nobody_out()
    {
        var silent = Enumerable.Range(0, 1000).Select(_ => new Socket(SocketType.Stream, ProtocolType.Tcp)).ToList();
        try
        {
            foreach (var socket in silent)
            {
                await socket.ConnectAsync(IPAddress.Loopback, cluster.First.Endpoint.GatewayPort);
            }

            await using var client = await ClusterClient.ConnectAsync(cluster.First.Seed, TestSiloOptions.Client, CancellationToken.None);
            Assert.NotEmpty(await client.Grains.GetGrain<ITestGrain>("where").WhereAsync());
            // Nobody waits for them for ever: the handshake's limit ends each one.
            await ReadToEndAsync(silent[0]);
        }
        finally
        {
            silent.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task Garbage_on_the_port_ends_that_connection_and_nothing_else()
    {
        foreach (var garbage in new[] { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ClipTrn\u0001" + new string('x', 1000) })
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, cluster.First.Endpoint.GatewayPort);
            await socket.SendAsync(Encoding.ASCII.GetBytes(garbage));
            socket.Shutdown(SocketShutdown.Send);
            await ReadToEndAsync(socket);
        }

        Assert.NotEmpty(await cluster.Second.Grains.GetGrain<ITestGrain>("where").WhereAsync());
    }

    [Fact]
    public async Task A_port_in_use_is_one_error_that_names_it()
    {
        var port = cluster.First.Endpoint.GatewayPort;

        var error = await Assert.ThrowsAsync<CoordinatorStartException>(() =>
            TestSilo.StartAsync(new TestSiloOptions(cluster.Identity) { Name = "third", GatewayPort = port })
        );

        Assert.Contains($"{port}", error.Message, StringComparison.Ordinal);
        Assert.Contains("is in use", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_coordinator_process_with_another_token_is_told_so_before_it_joins()
    {
        var error = await Assert.ThrowsAsync<CoordinatorStartException>(() =>
            TestSilo.StartAsync(new TestSiloOptions(cluster.Identity) { Name = "third", Security = new ClusterSecurity("guess") })
        );

        Assert.Contains("rejects this one", error.Message, StringComparison.Ordinal);
        Assert.Contains("rejects this token", error.Message, StringComparison.Ordinal);
    }

    private static Task<ConnectedClient> ConnectAsync(SeedGateways seed, ClusterSecurity security) =>
        ClusterClient.ConnectAsync(seed, TestSiloOptions.Client with { Security = security }, CancellationToken.None);

    private static SeedGateways Seed(TcpListener listener) =>
        new([new DnsEndPoint("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port)]);

    private static async Task<Socket> ServeAsync(TcpListener listener, string banner)
    {
        var socket = await listener.AcceptSocketAsync();
        await socket.SendAsync(Encoding.ASCII.GetBytes(banner));
        return socket;
    }

    private static async Task ReadToEndAsync(Socket socket)
    {
        try
        {
            while (await socket.ReceiveAsync(new byte[256]).WaitAsync(Patient) > 0)
            {
                // What it has to say does not matter here.
            }
        }
        catch (SocketException)
        {
            // Closed with data unread.
        }
    }
}
