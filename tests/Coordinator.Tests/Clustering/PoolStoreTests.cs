using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>A pool whose processes find each other through a server.</summary>
public sealed class PoolStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_standby_on_Redis_hosts_the_pool_as_it_was_when_the_first_process_ends()
    {
        await using var server = new RedisServer();
        await AssertTakenOverAsync(server, ClusteringKind.Redis, server.ConnectionString);
    }

    [Fact]
    public async Task A_standby_on_PostgreSQL_hosts_the_pool_as_it_was_when_the_first_process_ends()
    {
        await using var server = new PostgresServer();
        await AssertTakenOverAsync(server, ClusteringKind.Postgres, server.ConnectionString);
    }

    private async Task AssertTakenOverAsync(ServerProcess server, ClusteringKind kind, string connectionString)
    {
        await server.StartAsync();
        var identity = ClusterIdentity.Open(_directory.Path, kind, connectionString);
        var first = await StartAsync(identity, "first");
        await using var second = await StartAsync(identity, "second");
        await using var client = await ClusterClient.ConnectAsync(identity, TestSiloOptions.Client, CancellationToken.None);
        var pool = client.Grains.GetGrain<IPoolGrain>(PoolGrain.Cores);
        await pool.OfferAsync(new NodeOffer("a", "host", 1, ["cpu:0", "cpu:1"]));

        await first.DisposeAsync();

        var state = await GrainCalls.RepeatAsync(pool.StateAsync, TimeSpan.FromMinutes(2), TimeProvider.System);
        Assert.Equal(["cpu:0", "cpu:1"], Assert.Single(state.Nodes).Offer.Devices);
        Assert.Equal(1, state.Term);
    }

    private static Task<PoolSilo> StartAsync(ClusterIdentity identity, string name) =>
        PoolSilo.StartAsync(
            new CoordinatorSiloOptions(identity, SiloEndpoint.OnLoopback(name), TestSiloOptions.Token, IsOneMachine: true),
            new PoolBuild("1"),
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
}
