using System.Buffers;
using System.IO.Pipelines;

namespace ClipTrain.Coordinator.Security;

/// <summary>Reads what a handshake needs of a connection.</summary>
internal static class HandshakeReader
{
    /// <summary>Reads exactly so many bytes and leaves the rest for whoever reads next.</summary>
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

    /// <summary>Discards what comes until the other end closes.</summary>
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
