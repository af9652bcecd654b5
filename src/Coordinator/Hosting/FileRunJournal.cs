using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// Keeps a run's states as lines <c>{"crc":"xxxxxxxx","state":{…}}</c>, the last of which counts. The check sum is the
/// CRC-32C of the state's text: a line that a crash has left torn does not count. A file that has grown large is written
/// anew with its last line alone: aside, synced, renamed.
/// </summary>
/// <param name="path">The file, usually journal.jsonl in the run directory, which must exist.</param>
/// <param name="compactAbove">Bytes.</param>
public sealed class FileRunJournal(string path, long compactAbove = 4 << 20) : IRunJournal
{
    private const int CheckSumDigits = 8;

    public Task WriteAsync(RunState state)
    {
        var line = Line(state);
        using (var file = AppendOnlyFile.Open(path))
        {
            file.Append(line);
            if (file.Length <= compactAbove)
            {
                return Task.CompletedTask;
            }
        }

        Compact(line);
        return Task.CompletedTask;
    }

    /// <summary>The last state that was written whole; null when there is none.</summary>
    /// <exception cref="InvalidDataException">The state is whole but not one that this program can read.</exception>
    public static RunState? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var rest = File.ReadAllBytes(path).AsSpan();
        while (rest.Length > 0)
        {
            var start = rest[..^1].LastIndexOf((byte)'\n') + 1;
            if (StateText(rest[start..]) is { } text)
            {
                return Parse(path, text);
            }

            rest = rest[..start];
        }

        return null;
    }

    private static byte[] Line(RunState state)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(state, CoordinatorJson.Default.RunState);
        return [.. Encoding.ASCII.GetBytes(Prefix(text)), .. text, (byte)'}', (byte)'\n'];
    }

    /// <summary>The state's part of a line; null when the line is not whole.</summary>
    private static byte[]? StateText(ReadOnlySpan<byte> line)
    {
        var prefix = Prefix([]).Length;
        if (line.Length < prefix + 2 || !line[^2..].SequenceEqual("}\n"u8))
        {
            return null;
        }

        var text = line[prefix..^2].ToArray();
        return line[..prefix].SequenceEqual(Encoding.ASCII.GetBytes(Prefix(text))) ? text : null;
    }

    private static string Prefix(ReadOnlySpan<byte> text) =>
        $"{{\"crc\":\"{CheckSum(text).ToString($"x{CheckSumDigits}", CultureInfo.InvariantCulture)}\",\"state\":";

    private static uint CheckSum(ReadOnlySpan<byte> text)
    {
        var crc = uint.MaxValue;
        foreach (var octet in text)
        {
            crc = BitOperations.Crc32C(crc, octet);
        }

        return ~crc;
    }

    private static RunState Parse(string path, byte[] text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, CoordinatorJson.Default.RunState) ?? throw new JsonException("it holds null");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} does not hold the state of a run: {error.Message}", error);
        }
    }

    private void Compact(byte[] line)
    {
        var aside = path + ".tmp";
        using (var file = File.Create(aside))
        {
            file.Write(line);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
        DirectorySync.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
