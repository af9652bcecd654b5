using System.IO.Pipelines;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// The first eight bytes that each end of a connection sends, in clear and at once: a magic word, the version of the
/// handshake, and whether TLS follows. They protect nothing; they turn a mix-up into one clear message.
/// </summary>
internal static class Greeting
{
    private const byte Version = 1;
    private const byte TlsFollows = 0x80;
    private const int Length = 8;

    private static ReadOnlySpan<byte> Magic => "ClipTrn"u8;

    /// <exception cref="HandshakeException">The other end is something else, another version, or differs in TLS.</exception>
    public static async Task ExchangeAsync(IDuplexPipe transport, bool isTls, string peer, CancellationToken cancellationToken)
    {
        await transport.Output.WriteAsync(Mine(isTls), cancellationToken);
        var theirs =
            await HandshakeReader.ReadAsync(transport.Input, Length, cancellationToken)
            ?? throw new HandshakeException(
                $"{peer} closes the connection at once: it is ending, or no ClipTrain coordinator.",
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
            return "is no ClipTrain coordinator: it answers in another protocol. Check the address and port.";
        }

        var version = theirs[^1] & ~TlsFollows;
        if (version != Version)
        {
            return $"belongs to another build of ClipTrain (handshake version {version}, here {Version}). Use the same build everywhere.";
        }

        return ((theirs[^1] & TlsFollows) != 0, isTls) switch
        {
            (true, false) => "demands TLS. Give --certificate, --key and --ca.",
            (false, true) => "runs without TLS. Start it with --certificate, --key and --ca, or connect without them.",
            _ => null,
        };
    }
}
