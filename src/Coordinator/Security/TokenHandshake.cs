using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// Both ends of a connection prove that they hold the cluster's token without sending it: each answers the other's random
/// challenge by an HMAC-SHA256. Challenges are fresh, so a recorded exchange is worth nothing, and the proof names its
/// role, so that it cannot be sent back. The caller proves first and learns whether it was let in.
/// </summary>
/// <remarks>
/// Caller: challenge (32 bytes). Coordinator: challenge (32). Caller: proof (32). Coordinator: verdict (1), its proof (32),
/// length of the cluster's identity (1), identity. The proof of the coordinator covers the identity. After a refusal the
/// rest is zero.
/// </remarks>
internal sealed class TokenHandshake
{
    private const int Size = 32;
    private const byte Accepted = 1;

    private readonly byte[] _key;

    public TokenHandshake(string token) => _key = SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The coordinator's side.</summary>
    /// <param name="transport">The connection.</param>
    /// <param name="clusterId">Told to the caller once it has proved that it holds the token.</param>
    /// <param name="peer">Names the caller in errors.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <exception cref="HandshakeException">The caller does not hold the token.</exception>
    public async Task AcceptAsync(IDuplexPipe transport, string clusterId, string peer, CancellationToken cancellationToken)
    {
        var identity = Encoding.UTF8.GetBytes(clusterId);
        var mine = RandomNumberGenerator.GetBytes(Size);
        var theirs = await ReadAsync(transport, Size, peer, cancellationToken);
        await transport.Output.WriteAsync(mine, cancellationToken);
        var proof = await ReadAsync(transport, Size, peer, cancellationToken);
        if (!CryptographicOperations.FixedTimeEquals(proof, Proof("caller"u8, theirs, mine, [])))
        {
            await transport.Output.WriteAsync(new byte[1 + Size + 1], cancellationToken);
            throw new HandshakeException($"{peer} does not hold this cluster's token.", isFinal: true);
        }

        await transport.Output.WriteAsync(
            (byte[])[Accepted, .. Proof("coordinator"u8, theirs, mine, identity), checked((byte)identity.Length), .. identity],
            cancellationToken
        );
    }

    /// <summary>The caller's side.</summary>
    /// <returns>The identity of the cluster.</returns>
    /// <exception cref="HandshakeException">The coordinator refused the token, or does not hold it itself.</exception>
    public async Task<string> RequestAsync(IDuplexPipe transport, string peer, CancellationToken cancellationToken)
    {
        var mine = RandomNumberGenerator.GetBytes(Size);
        await transport.Output.WriteAsync(mine, cancellationToken);
        var theirs = await ReadAsync(transport, Size, peer, cancellationToken);
        await transport.Output.WriteAsync(Proof("caller"u8, mine, theirs, []), cancellationToken);
        var verdict = await ReadAsync(transport, 1 + Size + 1, peer, cancellationToken);
        if (verdict[0] != Accepted)
        {
            throw new HandshakeException($"{peer} refuses this token: it is not that of its cluster.", isFinal: true);
        }

        var identity = await ReadAsync(transport, verdict[^1], peer, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(verdict.AsSpan(1, Size), Proof("coordinator"u8, mine, theirs, identity))
            ? Encoding.UTF8.GetString(identity)
            : throw new HandshakeException($"{peer} poses as a ClipTrain coordinator but does not hold the token.", isFinal: true);
    }

    private byte[] Proof(ReadOnlySpan<byte> role, byte[] callers, byte[] coordinators, byte[] identity) =>
        HMACSHA256.HashData(_key, (byte[])[.. role, .. callers, .. coordinators, .. identity]);

    private static async Task<byte[]> ReadAsync(IDuplexPipe transport, int length, string peer, CancellationToken cancellationToken) =>
        await HandshakeReader.ReadAsync(transport.Input, length, cancellationToken)
        ?? throw new HandshakeException($"{peer} closed the connection during the handshake.", isFinal: false);
}
