using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Messaging;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Options of a client's connection.</summary>
/// <param name="Security">Token, and TLS if the coordinator requires it.</param>
/// <param name="Patience">Maximum time to retry while nobody answers.</param>
public sealed record ClusterClientOptions(ClusterSecurity Security, TimeSpan Patience)
{
    /// <summary>Called with the reason when nobody answers, and again when the reason changes.</summary>
    public Action<string>? OnWaiting { get; init; }

    /// <summary>Configures Orleans' own logging; off by default.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }

    /// <summary>Further configuration of the client.</summary>
    public Action<IClientBuilder>? Configure { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Connects a process that is not a member of the cluster: a worker, or a command such as status.</summary>
public static class ClusterClient
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Connects through the cluster's membership store, for a process with access to the run directory.</summary>
    /// <exception cref="CoordinatorRefusedException">A coordinator answers but rejects this process.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator could be reached.</exception>
    public static async Task<ConnectedClient> ConnectAsync(
        ClusterIdentity identity,
        ClusterClientOptions options,
        CancellationToken cancellationToken
    )
    {
        var host = Build(options, client => client.UseClipTrainCluster(identity, options.Security));
        try
        {
            var gateways = host.Services.GetRequiredService<IGatewayListProvider>();
            var deadline = options.Time.GetTimestamp();
            await FindAsync(
                gateways,
                $"the run {Path.GetDirectoryName(identity.Directory)}",
                identity.ClusterId,
                options,
                deadline,
                cancellationToken
            );
            await StartAsync(host, options, deadline, cancellationToken);
            return new ConnectedClient(host, identity.ClusterId, learning: null);
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>Connects through given addresses, and learns further gateways from the cluster while connected.</summary>
    /// <exception cref="CoordinatorRefusedException">A coordinator answers but rejects this process.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator could be reached.</exception>
    public static async Task<ConnectedClient> ConnectAsync(
        SeedGateways gateways,
        ClusterClientOptions options,
        CancellationToken cancellationToken
    )
    {
        var start = options.Time.GetTimestamp();
        var clusterId = await FindAsync(gateways, gateways.ToString(), clusterId: null, options, start, cancellationToken);
        var host = Build(options, client => client.UseClipTrainCluster(gateways, clusterId, options.Security));
        try
        {
            await StartAsync(host, options, start, cancellationToken);
            return new ConnectedClient(host, clusterId, (grains, end) => gateways.LearnAsync(grains, options.Time, end));
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    private static IHost Build(ClusterClientOptions options, Action<IClientBuilder> cluster)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        options.Logging?.Invoke(builder.Logging);
        builder.UseOrleansClient(client =>
        {
            cluster(client);
            client.UseConnectionRetryFilter(
                async (_, cancellationToken) =>
                {
                    await Task.Delay(Pause, options.Time, cancellationToken);
                    return true;
                }
            );
            options.Configure?.Invoke(client);
        });
        return builder.Build();
    }

    /// <summary>Tries the gateways in turn until one accepts this process.</summary>
    /// <returns>The id of its cluster.</returns>
    private static async Task<string> FindAsync(
        IGatewayListProvider gateways,
        string where,
        string? clusterId,
        ClusterClientOptions options,
        long start,
        CancellationToken cancellationToken
    )
    {
        var reason = "no coordinator process is running";
        string? told = null;
        while (true)
        {
            HandshakeException? refusal = null;
            foreach (var gateway in await ListAsync(gateways))
            {
                try
                {
                    var found = await ConnectionProbe.RunAsync(gateway, options.Security, SecuredConnections.Limit, cancellationToken);
                    if (clusterId is null || found == clusterId)
                    {
                        return found;
                    }

                    reason = $"{gateway} hosts another run";
                }
                catch (HandshakeException error)
                {
                    (refusal, reason) = (error.IsFinal ? error : refusal, error.Message);
                }
                catch (Exception error) when (error is SocketException or IOException)
                {
                    reason = $"{gateway}: {error.Message}";
                }
                catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
                {
                    reason = $"{gateway} does not answer";
                }
            }

            if (refusal is not null)
            {
                throw new CoordinatorRefusedException(refusal.Message);
            }

            if (options.Time.GetElapsedTime(start) >= options.Patience)
            {
                throw Lost(where, options, reason);
            }

            if (reason != told)
            {
                options.OnWaiting?.Invoke(reason);
                told = reason;
            }

            await Task.Delay(Pause, options.Time, cancellationToken);
        }
    }

    private static async Task<IReadOnlyList<IPEndPoint>> ListAsync(IGatewayListProvider gateways)
    {
        try
        {
            await gateways.InitializeGatewayListProvider();
            return [.. (await gateways.GetGateways()).Select(gateway => gateway.ToGatewayAddress()!.Endpoint)];
        }
        catch (InvalidDataException error)
        {
            throw new CoordinatorRefusedException(error.Message);
        }
    }

    private static async Task StartAsync(IHost host, ClusterClientOptions options, long start, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var left = options.Patience - options.Time.GetElapsedTime(start);
        limit.CancelAfter(left > SecuredConnections.Limit ? left : SecuredConnections.Limit);
        try
        {
            await host.StartAsync(limit.Token);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CoordinatorLostException($"The coordinator was lost while connecting to it: {error.Message}", error);
        }
    }

    private static CoordinatorLostException Lost(string where, ClusterClientOptions options, string reason) =>
        new($"No coordinator of {where} could be reached for {options.Patience.TotalSeconds:0} s: {reason}.");
}

/// <summary>A connection to the cluster. It survives the loss of coordinator processes as long as a known one remains.</summary>
public sealed class ConnectedClient : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(3);

    private readonly IHost _host;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _learning;

    internal ConnectedClient(IHost host, string clusterId, Func<IGrainFactory, CancellationToken, Task>? learning)
    {
        _host = host;
        ClusterId = clusterId;
        Grains = host.Services.GetRequiredService<IClusterClient>();
        _learning = learning?.Invoke(Grains, _end.Token) ?? Task.CompletedTask;
    }

    public IClusterClient Grains { get; }

    /// <summary>Id of the cluster.</summary>
    public string ClusterId { get; }

    /// <summary>Disconnects, without waiting for a cluster that does not answer.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _learning.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using (var limit = new CancellationTokenSource(StopLimit))
        {
            await _host.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _host.Dispose();
        _end.Dispose();
    }
}
