namespace ClipTrain.Coordinator.Storage;

/// <summary>Reads a file by lines, as bytes, and knows where each ends.</summary>
public static class LineReader
{
    /// <summary>
    /// Each line with an end, without it, and the offset behind its end. The memory is valid until the next line is asked for.
    /// </summary>
    public static IEnumerable<(ReadOnlyMemory<byte> Line, long End)> Read(Stream stream)
    {
        var buffer = new byte[1 << 16];
        var filled = 0;
        long offset = 0;
        while (true)
        {
            if (filled == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }

            var read = stream.Read(buffer, filled, buffer.Length - filled);
            if (read == 0)
            {
                yield break;
            }

            filled += read;
            var start = 0;
            while (Array.IndexOf(buffer, (byte)'\n', start, filled - start) is >= 0 and var end)
            {
                yield return (buffer.AsMemory(start, end - start), offset + end + 1);
                start = end + 1;
            }

            buffer.AsSpan(start, filled - start).CopyTo(buffer);
            filled -= start;
            offset += start;
        }
    }
}
