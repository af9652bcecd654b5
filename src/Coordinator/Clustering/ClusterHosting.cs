using System.Net;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans.Configuration;
using Orleans.Messaging;
using Orleans.Serialization;
using Orleans.Storage;
using StackExchange.Redis;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Configures a silo or client for a run's cluster: identity, membership, ports, security, storage, serialization.</summary>
public static class ClusterHosting
{
    private const string ServiceId = "cliptrain";

    /// <param name="silo">To configure.</param>
    /// <param name="identity">The cluster.</param>
    /// <param name="endpoint">Name and ports, none of which is 0 (<see cref="ClusterSilo.StartAsync"/> finds free ones).</param>
    /// <param name="security">Credentials that others must prove.</param>
    /// <param name="isOneMachine">True if all silos run on this machine: the death watch detects each that dies, and probes are
    /// patient.</param>
    /// <exception cref="CoordinatorStartException">The connection string is invalid.</exception>
    public static ISiloBuilder UseClipTrainCluster(
        this ISiloBuilder silo,
        ClusterIdentity identity,
        SiloEndpoint endpoint,
        ClusterSecurity security,
        bool isOneMachine
    )
    {
        AddCommon(silo.Services, identity.ClusterId);
        silo.Services.AddSingleton(identity);
        silo.Configure<SiloOptions>(options => options.SiloName = endpoint.Name);
        silo.Configure<EndpointOptions>(options =>
        {
            options.AdvertisedIPAddress = endpoint.Advertised;
            options.SiloPort = endpoint.SiloPort;
            options.GatewayPort = endpoint.GatewayPort;
            options.SiloListeningEndpoint = new IPEndPoint(endpoint.Listen, endpoint.SiloPort);
            options.GatewayListeningEndpoint = new IPEndPoint(endpoint.Listen, endpoint.GatewayPort);
        });
        silo.Configure<ClusterMembershipOptions>(options => Configure(options, isOneMachine));
        silo.Configure<SiloMessagingOptions>(options =>
        {
            options.ResponseTimeout = TimeSpan.FromSeconds(10);

            // A gateway keeps answers for a disconnected client for this long. Until then, a client that has moved to another gateway,
            // for example while this process was suspended, gets no answers from this process.
            options.ClientDropTimeout = TimeSpan.FromSeconds(1);
        });
        silo.Services.AddSingleton<IFatalErrorHandler>(new DeclaredDead(Console.Error, Environment.Exit));
        silo.Services.AddKeyedSingleton<IGrainStorage>(
            FencedFileStorage.ProviderName,
            (_, _) => new FencedFileStorage(Path.Combine(identity.Directory, "state"))
        );
        UseGrainDirectory(silo);
        UseExclusivePorts(silo.Services);
        AddMembership(silo, identity, security);
        silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, DeathWatch>();
        SecuredConnections.Require(silo, security, identity.ClusterId);
        return silo;
    }

    /// <summary>Configures a client that reads the gateways from the membership store.</summary>
    /// <exception cref="CoordinatorStartException">The connection string is invalid.</exception>
    public static IClientBuilder UseClipTrainCluster(this IClientBuilder client, ClusterIdentity identity, ClusterSecurity security)
    {
        switch (identity.Kind)
        {
            case ClusteringKind.File:
                client.Services.AddSingleton<IGatewayListProvider>(new FileGatewayListProvider(identity));
                break;
            case ClusteringKind.Redis:
                client.UseRedisClustering(options => options.ConfigurationOptions = RedisOptions(identity));
                break;
            case ClusteringKind.Postgres:
                var connection = PostgresConnection(identity);
                client.UseAdoNetClustering(options =>
                    (options.Invariant, options.ConnectionString) = (PostgresSchema.Invariant, connection)
                );
                break;
        }

        return Configure(client, identity.ClusterId, security);
    }

    /// <summary>Configures a client that starts from given addresses and learns further gateways from the cluster.</summary>
    /// <param name="client">To configure.</param>
    /// <param name="gateways">The addresses.</param>
    /// <param name="clusterId">Id of their cluster, which a coordinator reports after the handshake.</param>
    /// <param name="security">Credentials that both ends must prove.</param>
    public static IClientBuilder UseClipTrainCluster(
        this IClientBuilder client,
        SeedGateways gateways,
        string clusterId,
        ClusterSecurity security
    )
    {
        client.Services.AddSingleton<IGatewayListProvider>(gateways);
        client.Services.AddSingleton<IOutgoingGrainCallFilter>(services => new SilenceFilter(
            gateways,
            security,
            services.GetService<TimeProvider>() ?? TimeProvider.System
        ));
        return Configure(client, clusterId, security);
    }

    /// <summary>
    /// Uses the grain directory whose entries outlive their silo. Orleans' older directory deactivates each grain whose entry was on a
    /// silo that left: half of the time, the end of a standby reactivated the run's grain.
    /// </summary>
    private static void UseGrainDirectory(ISiloBuilder silo)
    {
#pragma warning disable ORLEANSEXP003 // Marked as experimental, but the only directory that does not lose entries.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003

        // The directory would delay the restart of a dead silo's grains in case the silo is still active. A run's terms fence off such
        // a silo, so there is no need to wait.
        silo.Configure<GrainDirectoryOptions>(options => options.RangeLeaseDuration = TimeSpan.Zero);
    }

    private static IClientBuilder Configure(IClientBuilder client, string clusterId, ClusterSecurity security)
    {
        AddCommon(client.Services, clusterId);
        client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(1));
        client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(10));
        SecuredConnections.Require(client, security);
        return client;
    }

    private static void AddCommon(IServiceCollection services, string clusterId)
    {
        services.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (clusterId, ServiceId));
        // A host without power does not answer: try the next gateway.
        services.Configure<ConnectionOptions>(options => options.OpenConnectionTimeout = TimeSpan.FromSeconds(3));
        services.AddSerializer(serializer =>
            serializer.AddJsonSerializer(
                type => type.Namespace is "ClipTrain.Coordinator.Protocol" or "ClipTrain.Coordinator.State",
                CoordinatorJson.Default.Options
            )
        );
    }

    private static void Configure(ClusterMembershipOptions options, bool isOneMachine)
    {
        // On one machine the death watch detects dead processes; probes only detect hangs, and must tolerate busy cores.
        options.ProbeTimeout = TimeSpan.FromSeconds(isOneMachine ? 5 : 1);
        // Orleans extends probe timeouts the worse this silo's own health is, as after a suspension. Too long a timeout would leave the
        // run without a host.
        options.MaxProbeTimeout = TimeSpan.FromSeconds(isOneMachine ? 10 : 2);
        options.NumMissedProbesLimit = 3;
        // The loss of a machine with a coordinator and its standby may leave a single silo, which cannot give two votes and would wait
        // until the dead count as stale. A silo that is wrongly declared dead is fenced off and restarts.
        options.NumVotesForDeathDeclaration = 1;
        options.TableRefreshTimeout = TimeSpan.FromSeconds(isOneMachine ? 5 : 10);
        // A joining silo waits for an answer from all silos except those that missed three of these updates.
        options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(2);
        options.DefunctSiloExpiration = TimeSpan.FromMinutes(10);
        options.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(1);
    }

    /// <summary>
    /// Replaces Orleans' listeners, which share a port with other processes of the same user (SO_REUSEPORT), with Kestrel's, which do
    /// not: a port in use is then an error rather than a coordinator that gets every second connection.
    /// </summary>
    private static void UseExclusivePorts(IServiceCollection services)
    {
        foreach (
            var listener in services
                .Where(service => service.ServiceType == typeof(IConnectionListenerFactory) && service.IsKeyedService)
                .ToList()
        )
        {
            services.Remove(listener);
            services.AddKeyedSingleton<IConnectionListenerFactory>(
                listener.ServiceKey,
                (built, _) => ActivatorUtilities.CreateInstance<SocketTransportFactory>(built)
            );
        }
    }

    private static void AddMembership(ISiloBuilder silo, ClusterIdentity identity, ClusterSecurity security)
    {
        switch (identity.Kind)
        {
            case ClusteringKind.File:
                silo.Services.AddSingleton(services => new MembershipStore(
                    new FileMembershipTable(identity),
                    $"the folder {identity.Directory}",
                    security,
                    prepare: null,
                    services.GetRequiredService<ILogger<MembershipStore>>()
                ));
                break;
            case ClusteringKind.Redis:
                var options = RedisOptions(identity);
                silo.UseRedisClustering(redis => redis.ConfigurationOptions = options);
                var servers = options.EndPoints.Select(server => server is DnsEndPoint named ? $"{named.Host}:{named.Port}" : $"{server}");
                Name(silo.Services, $"Redis at {string.Join(", ", servers)}", security, prepare: null);
                break;
            case ClusteringKind.Postgres:
                var connection = PostgresConnection(identity);
                silo.UseAdoNetClustering(ado => (ado.Invariant, ado.ConnectionString) = (PostgresSchema.Invariant, connection));
                var server = new NpgsqlConnectionStringBuilder(connection);
                Name(
                    silo.Services,
                    $"PostgreSQL at {server.Host}:{server.Port}, database {server.Database ?? server.Username}",
                    security,
                    () => PostgresSchema.EnsureAsync(connection)
                );
                break;
        }

        silo.Services.AddSingleton<IMembershipTable>(services => services.GetRequiredService<MembershipStore>());
    }

    /// <summary>Wraps the table that a provider has registered in a <see cref="MembershipStore"/>.</summary>
    private static void Name(IServiceCollection services, string name, ClusterSecurity security, Func<Task>? prepare)
    {
        var provider = services.Last(service => service.ServiceType == typeof(IMembershipTable));
        services.Remove(provider);
        services.AddSingleton(built => new MembershipStore(
            (IMembershipTable)(
                provider.ImplementationFactory?.Invoke(built) ?? ActivatorUtilities.CreateInstance(built, provider.ImplementationType!)
            ),
            name,
            security,
            prepare,
            built.GetRequiredService<ILogger<MembershipStore>>()
        ));
    }

    private static ConfigurationOptions RedisOptions(ClusterIdentity identity) =>
        Reading("Redis", () => ConfigurationOptions.Parse(identity.ConnectionString!));

    private static string PostgresConnection(ClusterIdentity identity) =>
        Reading("PostgreSQL", () => PostgresSchema.ConnectionString(identity.ConnectionString!));

    private static T Reading<T>(string store, Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw new CoordinatorStartException($"The connection string for {store} cannot be read: {error.Message}", error);
        }
    }
}
