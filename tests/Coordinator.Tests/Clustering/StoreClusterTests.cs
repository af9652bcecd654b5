using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Configuration;
using Orleans.Runtime.MembershipService;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>A cluster with its membership table on a server, and the server's outages.</summary>
public abstract class StoreClusterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TemporaryDirectory _another = new();

    /// <summary>Stops and restarts the server while a cluster of two silos and a client continues; another run shares the server.</summary>
    private protected async Task AssertSurvivesARestartAsync(ServerProcess server, ClusteringKind kind, string connectionString)
    {
        await server.StartAsync();
        var identity = ClusterIdentity.Open(_directory.Path, kind, connectionString);
        await using var first = await TestSilo.StartAsync(new TestSiloOptions(identity));
        await using var stranger = await TestSilo.StartAsync(
            new TestSiloOptions(ClusterIdentity.Open(_another.Path, kind, connectionString)) { Name = "stranger" }
        );
        await using var second = await TestSilo.StartAsync(new TestSiloOptions(identity) { Name = "second" });
        await first.UntilActiveAsync("first", "second");
        await stranger.UntilActiveAsync("stranger");
        await using var client = await ClusterClient.ConnectAsync(identity, TestSiloOptions.Client, CancellationToken.None);
        var grain = client.Grains.GetGrain<ITestGrain>("count");
        Assert.Equal(1, await grain.CountAsync());

        await server.StopAsync();
        await first.UntilWarnedAsync("does not answer");
        Assert.Equal(2, await grain.CountAsync());

        await server.StartAsync();
        await first.UntilWarnedAsync("answers again");
        await using var third = await TestSilo.StartAsync(new TestSiloOptions(identity) { Name = "third" });
        await first.UntilActiveAsync("first", "second", "third");
        Assert.Equal(3, await grain.CountAsync());
        Assert.Single(first.Warnings, line => line.Contains("does not answer", StringComparison.Ordinal));
        Assert.Single(first.Warnings, line => line.Contains("answers again", StringComparison.Ordinal));
    }

    protected async Task AssertNamesADeadStoreAsync(ClusteringKind kind, string connectionString, string name)
    {
        var hasBegun = false;
        var options = new TestSiloOptions(ClusterIdentity.Open(_directory.Path, kind, connectionString))
        {
            Configure = silo => silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(new Witness(() => hasBegun = true)),
        };
        var error = await Assert.ThrowsAsync<CoordinatorStartException>(() => TestSilo.StartAsync(options));

        Assert.StartsWith($"The cluster's membership store cannot be used: {name}: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.False(hasBegun, "Orleans began to start, and a silo that fails half-way keeps a core busy.");
    }

    protected void AssertRefusesConnectionString(ClusteringKind kind, string? connectionString)
    {
        var error = Assert.Throws<CoordinatorStartException>(() =>
        {
            var identity = ClusterIdentity.Open(_directory.Path, kind, connectionString);
            using var host = TestSilo.Build(new TestSiloOptions(identity), SiloEndpoint.OnLoopback("first"), lines: null);
        });
        Assert.Contains("connection string", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Reports when a silo starts.</summary>
    private sealed class Witness(Action onStart) : ILifecycleParticipant<ISiloLifecycle>
    {
        public void Participate(ISiloLifecycle lifecycle) =>
            lifecycle.Subscribe(
                nameof(Witness),
                ServiceLifecycleStage.First,
                _ =>
                {
                    onStart();
                    return Task.CompletedTask;
                }
            );
    }

    public void Dispose()
    {
        _directory.Dispose();
        _another.Dispose();
        GC.SuppressFinalize(this);
    }
}

public sealed class RedisClusterTests : StoreClusterTests
{
    [Fact]
    public async Task A_run_goes_on_while_Redis_is_restarted()
    {
        await using var server = new RedisServer();
        await AssertSurvivesARestartAsync(server, ClusteringKind.Redis, server.ConnectionString);
    }

    [Fact]
    public Task Redis_that_is_down_at_the_start_is_named_without_its_password() =>
        AssertNamesADeadStoreAsync(
            ClusteringKind.Redis,
            "127.0.0.1:1,password=secret,connectTimeout=300,connectRetry=1",
            "Redis at 127.0.0.1:1"
        );

    [Theory]
    [InlineData(null)]
    [InlineData("127.0.0.1,connectTimeout=soon")]
    public void A_connection_string_that_cannot_be_read_is_one_error(string? connectionString) =>
        AssertRefusesConnectionString(ClusteringKind.Redis, connectionString);
}

public sealed class PostgresClusterTests : StoreClusterTests
{
    [Fact]
    public async Task A_run_goes_on_while_PostgreSQL_is_restarted()
    {
        await using var server = new PostgresServer();
        await AssertSurvivesARestartAsync(server, ClusteringKind.Postgres, server.ConnectionString);
    }

    [Fact]
    public Task PostgreSQL_that_is_down_at_the_start_is_named_without_its_password() =>
        AssertNamesADeadStoreAsync(
            ClusteringKind.Postgres,
            "Host=127.0.0.1;Port=1;Username=trainer;Password=secret;Database=runs",
            "PostgreSQL at 127.0.0.1:1, database runs"
        );

    [Theory]
    [InlineData(null)]
    [InlineData("Host=127.0.0.1;Pott=1")]
    public void A_connection_string_that_cannot_be_read_is_one_error(string? connectionString) =>
        AssertRefusesConnectionString(ClusteringKind.Postgres, connectionString);
}

/// <summary>One PostgreSQL server for all tests of the class.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private readonly PostgresServer _server = new();

    internal string ConnectionString => _server.ConnectionString;

    public Task InitializeAsync() => _server.StartAsync();

    public async Task DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await _server.DisposeAsync();
    }
}

public sealed class PostgresMembershipTableTests(PostgresFixture postgres) : MembershipTableTests, IClassFixture<PostgresFixture>
{
    private string Connection => PostgresSchema.ConnectionString(postgres.ConnectionString);

    [Fact]
    public async Task Processes_that_start_at_once_make_one_schema()
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using (var drop = source.CreateCommand("DROP SCHEMA IF EXISTS cliptrain CASCADE"))
        {
            await drop.ExecuteNonQueryAsync();
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostgresSchema.EnsureAsync(Connection)));

        Assert.NotEmpty((await (await OpenAsync()).ReadAllAsync(default)).Version.VersionEtag);
    }

    [Fact]
    public async Task A_user_without_the_right_to_create_schemas_can_use_one_that_is_there()
    {
        await PostgresSchema.EnsureAsync(Connection);
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using (
            var grant = source.CreateCommand(
                """
                CREATE ROLE trainer LOGIN;
                GRANT USAGE ON SCHEMA cliptrain TO trainer;
                GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cliptrain TO trainer;
                """
            )
        )
        {
            await grant.ExecuteNonQueryAsync();
        }

        var table = await OpenAsync(
            PostgresSchema.ConnectionString(postgres.ConnectionString.Replace("tester", "trainer", StringComparison.Ordinal))
        );

        Assert.True(await table.InsertRowAsync(Entry(1), (await table.ReadAllAsync(default)).Version.Next(), default));
    }

    protected override Task<IMembershipTable> OpenAsync() => OpenAsync(Connection);

    private static async Task<IMembershipTable> OpenAsync(string connection)
    {
        await PostgresSchema.EnsureAsync(connection);
        var table = new AdoNetClusteringTable(
            new ServiceCollection().BuildServiceProvider(),
            Options.Create(new ClusterOptions { ClusterId = Guid.NewGuid().ToString("n") }),
            Options.Create(new AdoNetClusteringSiloOptions { Invariant = PostgresSchema.Invariant, ConnectionString = connection }),
            NullLogger<AdoNetClusteringTable>.Instance
        );
        await ((IMembershipTable)table).InitializeMembershipTableAsync(tryInitTableVersion: true, default);
        return table;
    }
}
