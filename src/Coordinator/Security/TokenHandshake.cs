using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;

namespace ClipTrain.Coordinator.Security;

/// <summary>
/// Proves that both ends of a connection hold the cluster's token without sending it: each answers the other's random challenge with an
/// HMAC-SHA256. Challenges are fresh, which prevents replay, and the proof contains its role, which prevents reflection. The caller
/// proves first and learns whether it was accepted.
/// </summary>
/// <remarks>
/// Caller: challenge (32 bytes). Coordinator: challenge (32). Caller: proof (32). Coordinator: verdict (1), its proof (32),
/// length of the cluster's id (1), id. The coordinator's proof covers the id. After a rejection the rest is zero.
/// </remarks>
internal sealed class TokenHandshake
{
    private const int Size = 32;
    private const byte Accepted = 1;

    private readonly byte[] _key;

    public TokenHandshake(string token) => _key = SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The coordinator's side.</summary>
    /// <param name="transport">The connection.</param>
    /// <param name="clusterId">Sent to the caller after its proof.</param>
    /// <param name="peer">Name of the caller in errors.</param>
    /// <param name="cancellationToken">Cancels the exchange.</param>
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
    /// <returns>The id of the cluster.</returns>
    /// <exception cref="HandshakeException">The coordinator rejected the token, or does not hold it itself.</exception>
    public async Task<string> RequestAsync(IDuplexPipe transport, string peer, CancellationToken cancellationToken)
    {
        var mine = RandomNumberGenerator.GetBytes(Size);
        await transport.Output.WriteAsync(mine, cancellationToken);
        var theirs = await ReadAsync(transport, Size, peer, cancellationToken);
        await transport.Output.WriteAsync(Proof("caller"u8, mine, theirs, []), cancellationToken);
        var verdict = await ReadAsync(transport, 1 + Size + 1, peer, cancellationToken);
        if (verdict[0] != Accepted)
        {
            throw new HandshakeException($"{peer} rejects this token, which is not the one of its cluster.", isFinal: true);
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
