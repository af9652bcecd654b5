using System.Net.Sockets;
using ClipTrain.Coordinator.Protocol;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Starts silos with free ports and clear errors.</summary>
public static class ClusterSilo
{
    private const int Attempts = 5;

    /// <summary>Builds and starts a host. For a port of 0 it finds a free one, and another if that is taken meanwhile.</summary>
    /// <param name="endpoint">Name and addresses.</param>
    /// <param name="build">Builds the host for an endpoint with known ports, with <see
    /// cref="ClusterHosting.UseClipTrainCluster(Orleans.Hosting.ISiloBuilder, ClusterIdentity, SiloEndpoint, Security.ClusterSecurity,
    /// bool)"/>.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <returns>The running host and its endpoint. The caller disposes the host.</returns>
    /// <exception cref="CoordinatorStartException">A port is in use, or the membership store is not available. The message names
    /// it.</exception>
    public static async Task<(IHost Host, SiloEndpoint Endpoint)> StartAsync(
        SiloEndpoint endpoint,
        Func<SiloEndpoint, IHost> build,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            var actual = Reserve(endpoint);
            var host = build(actual);
            try
            {
                // Fail before Orleans starts: a silo that fails halfway keeps a core busy forever.
                await host.Services.GetRequiredService<MembershipStore>().OpenAsync();
                await host.StartAsync(cancellationToken);
                return (host, actual);
            }
            catch (Exception error)
            {
                host.Dispose();
                if (Find<CoordinatorStartException>(error) is { } known)
                {
                    throw known;
                }

                if (!IsPortInUse(error))
                {
                    throw;
                }

                if (attempt == Attempts || (endpoint.GatewayPort != 0 && endpoint.SiloPort != 0))
                {
                    throw PortInUse(actual, error);
                }
            }
        }
    }

    private static SiloEndpoint Reserve(SiloEndpoint endpoint)
    {
        try
        {
            return endpoint.WithFreePorts();
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw PortInUse(endpoint, error);
        }
        catch (SocketException error)
        {
            throw new CoordinatorStartException($"This machine cannot listen on {endpoint.Listen}: {error.Message}", error);
        }
    }

    private static CoordinatorStartException PortInUse(SiloEndpoint endpoint, Exception error) =>
        new(
            $"The port {endpoint.GatewayPort} or {endpoint.SiloPort} of {endpoint.Listen} is in use. End the process that has it, or "
                + "choose another port.",
            error
        );

    private static bool IsPortInUse(Exception error) =>
        Find<AddressInUseException>(error) is not null
        || Find<SocketException>(error) is { SocketErrorCode: SocketError.AddressAlreadyInUse };

    private static T? Find<T>(Exception? error)
        where T : Exception =>
        error switch
        {
            null => null,
            T found => found,
            AggregateException many => many.InnerExceptions.Select(Find<T>).FirstOrDefault(found => found is not null),
            _ => Find<T>(error.InnerException),
        };
}
