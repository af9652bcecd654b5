using System.IO.Pipelines;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// The first eight bytes that each end of a connection sends, unencrypted: a magic word, the version of the handshake, and a flag for
/// TLS. They protect nothing, but turn a mismatch into a clear message.
/// </summary>
internal static class Greeting
{
    private const byte Version = 1;
    private const byte TlsFollows = 0x80;
    private const int Length = 8;

    private static ReadOnlySpan<byte> Magic => "ClipTrn"u8;

    /// <exception cref="HandshakeException">The other end is not ClipTrain, has another version, or differs in TLS.</exception>
    public static async Task ExchangeAsync(IDuplexPipe transport, bool isTls, string peer, CancellationToken cancellationToken)
    {
        await transport.Output.WriteAsync(Mine(isTls), cancellationToken);
        var theirs =
            await HandshakeReader.ReadAsync(transport.Input, Length, cancellationToken)
            ?? throw new HandshakeException(
                $"{peer} closed the connection at once: it is shutting down, or is not a ClipTrain coordinator.",
                isFinal: false
            );
        if (Objection(theirs, isTls) is { } objection)
        {
            throw new HandshakeException($"{peer} {objection}", isFinal: true);
        }
    }

    private static byte[] Mine(bool isTls) => [.. Magic, (byte)(Version | (isTls ? TlsFollows : 0))];

    private static string? Objection(byte[] theirs, bool isTls)
    {
        if (!theirs.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            return "is not a ClipTrain coordinator: it uses another protocol. Check the address and port.";
        }

        var version = theirs[^1] & ~TlsFollows;
        if (version != Version)
        {
            return $"belongs to another build of ClipTrain (handshake version {version}, here {Version}). Use the same build everywhere.";
        }

        return ((theirs[^1] & TlsFollows) != 0, isTls) switch
        {
            (true, false) => "requires TLS. Set --certificate, --key and --ca.",
            (false, true) => "runs without TLS. Start it with --certificate, --key and --ca, or connect without them.",
            _ => null,
        };
    }
}
