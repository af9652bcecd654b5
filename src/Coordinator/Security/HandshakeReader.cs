using System.Buffers;
using System.IO.Pipelines;

namespace ClipTrain.Coordinator.Security;

/// <summary>Reads from a connection during a handshake.</summary>
internal static class HandshakeReader
{
    /// <summary>Reads exactly <paramref name="length"/> bytes and leaves the rest for the next reader.</summary>
    /// <returns>The bytes; null if the other end closed the connection first.</returns>
    public static async Task<byte[]?> ReadAsync(PipeReader input, int length, CancellationToken cancellationToken)
    {
        try
        {
            var read = await input.ReadAtLeastAsync(length, cancellationToken);
            if (read.Buffer.Length < length)
            {
                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                return null;
            }

            var bytes = read.Buffer.Slice(0, length).ToArray();
            input.AdvanceTo(read.Buffer.GetPosition(length));
            return bytes;
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Discards input until the other end closes.</summary>
    public static async Task DrainAsync(PipeReader input, CancellationToken cancellationToken)
    {
        try
        {
            ReadResult read;
            do
            {
                read = await input.ReadAsync(cancellationToken);
                input.AdvanceTo(read.Buffer.End);
            } while (!read.IsCompleted);
        }
        catch (IOException)
        {
            // Closed by a reset.
        }
    }
}

/// <summary>Thrown if the handshake with the other end of a connection fails. The message names the other end and the reason.</summary>
/// <param name="message">One sentence for the user.</param>
/// <param name="isFinal">True if a retry would fail the same way.</param>
/// <param name="innerException">The underlying error, if any.</param>
internal sealed class HandshakeException(string message, bool isFinal, Exception? innerException = null)
    : Exception(message, innerException)
{
    public bool IsFinal { get; } = isFinal;
}
