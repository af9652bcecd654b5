using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Storage;

/// <summary>Reads and writes entries as lines <c>{"generation":{…}}</c> and <c>{"step":{…}}</c>.</summary>
public static class LedgerFile
{
    /// <summary>Complete entries of a file, in order.</summary>
    /// <exception cref="InvalidDataException">A line before the last is not an entry.</exception>
    public static IEnumerable<LedgerEntry> Read(string path) => Scan(path).Select(line => line.Entry);

    public static void Write(Stream stream, IEnumerable<LedgerEntry> entries)
    {
        foreach (var entry in entries)
        {
            JsonSerializer.Serialize(stream, entry, CoordinatorJson.Default.LedgerEntry);
            stream.WriteByte((byte)'\n');
        }
    }

    /// <summary>Complete entries, each with the offset after its line. Only the last line may be incomplete.</summary>
    internal static IEnumerable<(LedgerEntry Entry, long End)> Scan(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var number = 0;
        InvalidDataException? torn = null;
        foreach (var (line, end) in LineReader.Read(file))
        {
            if (torn is not null)
            {
                throw torn;
            }

            number++;
            if (Parse(line.Span) is { } entry)
            {
                yield return (entry, end);
            }
            else
            {
                torn = new InvalidDataException($"{path}, line {number}: is not a ledger entry.");
            }
        }
    }

    private static LedgerEntry? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return
                JsonSerializer.Deserialize(line, CoordinatorJson.Default.LedgerEntry) is { } entry
                && entry is not { Generation: null, Step: null, After: null }
                ? entry
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>Reads a file line by line, as bytes with offsets.</summary>
public static class LineReader
{
    /// <summary>
    /// Each complete line, without its line break, and the offset after it. The memory is valid until the next line is read.
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
