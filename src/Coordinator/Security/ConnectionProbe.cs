using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// Connects to a coordinator once, as Orleans will, to find out whether it accepts this process and why not. Orleans' own client retries
/// without reporting a rejection.
/// </summary>
internal static class ConnectionProbe
{
    /// <summary>Performs a handshake within a time limit.</summary>
    /// <returns>The id of the cluster at the address.</returns>
    /// <exception cref="HandshakeException">The coordinator rejects this process or closes the connection.</exception>
    /// <exception cref="SocketException">Nothing listens at the address.</exception>
    /// <exception cref="OperationCanceledException">There is no answer in time.</exception>
    public static async Task<string> RunAsync(
        IPEndPoint endpoint,
        ClusterSecurity security,
        TimeSpan limit,
        CancellationToken cancellationToken
    )
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(limit);
        return await RunAsync(endpoint, security, end.Token);
    }

    private static async Task<string> RunAsync(IPEndPoint endpoint, ClusterSecurity security, CancellationToken cancellationToken)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(endpoint, cancellationToken);
        var peer = endpoint.ToString();
        await using var clear = new NetworkStream(socket);
        await Greeting.ExchangeAsync(new StreamPipe(clear), security.Tls is not null, peer, cancellationToken);
        var handshake = new TokenHandshake(security.Token);
        if (security.Tls is not { } tls)
        {
            return await handshake.RequestAsync(new StreamPipe(clear), peer, cancellationToken);
        }

        await using var encrypted = await AuthenticateAsync(clear, tls, peer, cancellationToken);
        try
        {
            return await handshake.RequestAsync(new StreamPipe(encrypted), peer, cancellationToken);
        }
        catch (HandshakeException error) when (!error.IsFinal)
        {
            // With TLS 1.3 a closed connection is the only sign that the certificate was rejected.
            throw new HandshakeException(
                $"{peer} closed the encrypted connection: it does not trust this process's certificate. Both must be signed by the same "
                    + "authority.",
                isFinal: true,
                error
            );
        }
        catch (IOException error)
        {
            throw new HandshakeException(
                $"{peer} closed the encrypted connection: it does not trust this process's certificate. Both must be signed by the same "
                    + "authority.",
                isFinal: true,
                error
            );
        }
    }

    private static async Task<SslStream> AuthenticateAsync(Stream clear, TlsIdentity tls, string peer, CancellationToken cancellationToken)
    {
        string? distrust = null;
        var encrypted = new SslStream(clear);
        try
        {
            await encrypted.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = peer,
                    ClientCertificates = [tls.Certificate],
                    RemoteCertificateValidationCallback = (_, remote, _, _) =>
                        (distrust = tls.Distrust(remote as X509Certificate2)) is null,
                },
                cancellationToken
            );
            return encrypted;
        }
        catch (Exception error) when (error is AuthenticationException or IOException)
        {
            await encrypted.DisposeAsync();
            throw distrust is null
                ? new HandshakeException($"{peer}: TLS cannot be set up: {error.Message}", isFinal: error is AuthenticationException, error)
                : new HandshakeException(
                    $"{peer} presents a certificate that is not signed by the authority in --ca: {distrust}.",
                    isFinal: true,
                    error
                );
        }
    }

    /// <summary>Adapts a stream to the pipes that the handshake uses. Disposing the stream ends both.</summary>
    private sealed class StreamPipe(Stream stream) : IDuplexPipe
    {
        public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));

        public PipeWriter Output { get; } = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
    }
}
