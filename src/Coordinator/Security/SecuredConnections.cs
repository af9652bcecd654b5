using Microsoft.AspNetCore.Connections;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace ClipTrain.Coordinator.Security;

/// <summary>Credentials that the processes of a cluster prove to each other before they exchange messages.</summary>
/// <param name="Token">Shared secret of all processes.</param>
/// <param name="Tls">Certificate of this process and the trusted authority; null for unencrypted connections.</param>
public sealed record ClusterSecurity(string Token, TlsIdentity? Tls = null)
{
    public string Token { get; } =
        string.IsNullOrWhiteSpace(Token) ? throw new ArgumentException("A cluster needs a token.", nameof(Token)) : Token;

    // The token must not end up in a log.
    public override string ToString() => Tls is null ? "token" : "token and TLS";
}

/// <summary>
/// Secures connections between processes of a cluster: before Orleans reads a byte, both ends exchange the greeting, set up TLS if used,
/// and prove the token. Orleans itself accepts anybody who reaches its ports.
/// </summary>
internal static class SecuredConnections
{
    /// <summary>Time limit of the handshake. Until then a silent connection only occupies a socket.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    public static void Require(ISiloBuilder silo, ClusterSecurity security, string clusterId)
    {
        silo.Configure<SiloConnectionOptions>(options =>
        {
            options.ConfigureSiloInboundConnection(connection => UseGreeting(connection, security, isInbound: true));
            options.ConfigureGatewayInboundConnection(connection => UseGreeting(connection, security, isInbound: true));
            options.ConfigureSiloOutboundConnection(connection => UseGreeting(connection, security, isInbound: false));
        });
        if (security.Tls is { } tls)
        {
            silo.UseTls(tls.Certificate, options => Configure(options, tls));
        }

        silo.Configure<SiloConnectionOptions>(options =>
        {
            options.ConfigureSiloInboundConnection(connection => UseAccept(connection, security, clusterId));
            options.ConfigureGatewayInboundConnection(connection => UseAccept(connection, security, clusterId));
            options.ConfigureSiloOutboundConnection(connection => UseRequest(connection, security));
        });
    }

    public static void Require(IClientBuilder client, ClusterSecurity security)
    {
        client.Configure<ClientConnectionOptions>(options =>
            options.ConfigureConnection(connection => UseGreeting(connection, security, isInbound: false))
        );
        if (security.Tls is { } tls)
        {
            client.UseTls(tls.Certificate, options => Configure(options, tls));
        }

        client.Configure<ClientConnectionOptions>(options => options.ConfigureConnection(connection => UseRequest(connection, security)));
    }

    private static void UseGreeting(IConnectionBuilder builder, ClusterSecurity security, bool isInbound) =>
        Use(
            builder,
            isInbound,
            (connection, limit) => Greeting.ExchangeAsync(connection.Transport, security.Tls is not null, PeerOf(connection), limit)
        );

    private static void UseAccept(IConnectionBuilder builder, ClusterSecurity security, string clusterId)
    {
        var handshake = new TokenHandshake(security.Token);
        Use(
            builder,
            isInbound: true,
            (connection, limit) => handshake.AcceptAsync(connection.Transport, clusterId, PeerOf(connection), limit)
        );
    }

    private static void UseRequest(IConnectionBuilder builder, ClusterSecurity security)
    {
        var handshake = new TokenHandshake(security.Token);
        Use(builder, isInbound: false, (connection, limit) => handshake.RequestAsync(connection.Transport, PeerOf(connection), limit));
    }

    private static void Use(IConnectionBuilder builder, bool isInbound, Func<ConnectionContext, CancellationToken, Task> exchange) =>
        builder.Use(next =>
            async connection =>
            {
                using (var limit = new CancellationTokenSource(Limit))
                {
                    try
                    {
                        await ExchangeAsync(connection, isInbound, exchange, limit.Token);
                    }
                    catch (OperationCanceledException error)
                    {
                        throw new ConnectionAbortedException(
                            $"{PeerOf(connection)} did not complete the handshake within {Limit.TotalSeconds:0} s.",
                            error
                        );
                    }
                }

                await next(connection);
            }
        );

    private static async Task ExchangeAsync(
        ConnectionContext connection,
        bool isInbound,
        Func<ConnectionContext, CancellationToken, Task> exchange,
        CancellationToken limit
    )
    {
        try
        {
            await exchange(connection, limit);
        }
        catch (HandshakeException error)
        {
            if (isInbound)
            {
                // Closing now could reset the connection before the caller reads the reason, so let it close first.
                await HandshakeReader.DrainAsync(connection.Transport.Input, limit);
            }

            throw new ConnectionAbortedException(error.Message, error);
        }
    }

    private static void Configure(TlsOptions options, TlsIdentity tls)
    {
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.OnAuthenticateAsClient = (connection, client) => client.TargetHost = PeerOf(connection);
        options.RemoteCertificateValidation = (remote, _, _) => tls.Distrust(remote) is null;
    }

    private static string PeerOf(ConnectionContext connection) => connection.RemoteEndPoint?.ToString() ?? "The other process";
}
