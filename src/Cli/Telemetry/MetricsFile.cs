using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Cli.Telemetry;

/// <summary>metrics.jsonl: one JSON line for each step, in the order of steps. Lines are flushed as they are written.</summary>
public sealed class MetricsFile : IDisposable
{
    private readonly FileStream _stream;

    private MetricsFile(FileStream stream, long lastStep, string? damage) => (_stream, LastStep, Damage) = (stream, lastStep, damage);

    /// <summary>What was wrong with a line of the file that was opened; null when nothing was.</summary>
    public string? Damage { get; }

    /// <summary>The step of the last line; 0 when there is none.</summary>
    public long LastStep { get; private set; }

    /// <summary>Opens the file to append. Lines of steps after <paramref name="resumedStep"/>, which will be run again, and a last line that a crash left torn are cut off. So are all lines from a damaged one on, and the file as it was stays beside as <c>.damaged</c>: the ledger has what they told. What is kept is copied to a new file in the old one's place: a process that was stopped while it wrote, and wakes when another has the run, writes where nobody reads.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static MetricsFile Open(string path, long resumedStep)
    {
        string? damage = null;
        using var old = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite);
        var kept = ReadLines(old, path, found => damage = found)
            .TakeWhile(line => line.Metrics.Step <= resumedStep)
            .Select(line => (line.Metrics.Step, line.End))
            .LastOrDefault();
        if (damage is not null)
            File.Copy(path, $"{path}.damaged", overwrite: true);
        var aside = $"{path}.partial";

        // Without a buffer: what a full disk refuses fails where it is written, and not again where the file is closed.
        var stream = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        try
        {
            old.Position = 0;
            old.CopyTo(stream);
            stream.SetLength(kept.End);
            stream.Position = kept.End;
            stream.Flush(flushToDisk: true);
            File.Move(aside, path, overwrite: true);
            return new MetricsFile(stream, kept.Step, damage);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The whole lines of a file, which may be one that is being written.</summary>
    /// <exception cref="InvalidDataException">A whole line is no metrics line.</exception>
    public static IEnumerable<StepMetrics> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        foreach (var (metrics, _) in ReadLines(stream, path, damage => throw new InvalidDataException(damage)))
            yield return metrics;
    }

    /// <summary>Copies the lines of steps after a step, up to a damaged one.</summary>
    public static void CopyAfter(string path, long step, Stream output)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        foreach (var (metrics, _) in ReadLines(stream, path, _ => { }).Where(line => line.Metrics.Step > step))
            Write(output, metrics);
    }

    /// <summary>The loss of the newest step up to a step, as far as the file can be read; NaN where it has none.</summary>
    public static double LossAt(string path, long step)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return ReadLines(stream, path, _ => { }).LastOrDefault(line => line.Metrics.Step <= step).Metrics?.Loss ?? double.NaN;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return double.NaN;
        }
    }

    public void Append(StepMetrics metrics)
    {
        // One write a line: a reader never sees half of one but after a crash.
        Write(_stream, metrics);
        _stream.Flush();
        LastStep = metrics.Step;
    }

    public void Dispose() => _stream.Dispose();

    private static void Write(Stream output, StepMetrics metrics)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(metrics, TelemetryJson.OneLine), (byte)'\n'];
        output.Write(line);
    }

    /// <summary>Each whole line up to a damaged one, and the offset of its end in the file. What follows the last line break is torn and left out.</summary>
    private static IEnumerable<(StepMetrics Metrics, long End)> ReadLines(FileStream stream, string path, Action<string> onDamage)
    {
        var line = new List<byte>();
        var number = 1;
        long offset = 0;
        for (int next; (next = stream.ReadByte()) != -1; )
        {
            offset++;
            if (next != '\n')
            {
                line.Add((byte)next);
                continue;
            }

            if (Parse(line, out var reason) is not { } metrics)
            {
                onDamage($"{path}:{number}: this is no metrics line ({reason})");
                yield break;
            }

            yield return (metrics, offset);
            number++;
            line.Clear();
        }
    }

    private static StepMetrics? Parse(List<byte> line, out string reason)
    {
        reason = "null is no object";
        try
        {
            return JsonSerializer.Deserialize<StepMetrics>(line.ToArray(), TelemetryJson.OneLine);
        }
        catch (JsonException e)
        {
            reason = e.Message;
            return null;
        }
    }
}
