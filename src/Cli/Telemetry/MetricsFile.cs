using System.Text.Json;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Writer and reader of metrics.jsonl: one JSON line per step, in step order, flushed as it is written.</summary>
public sealed class MetricsFile : IDisposable
{
    private readonly FileStream _stream;

    private MetricsFile(FileStream stream, long lastStep, string? damage) => (_stream, LastStep, Damage) = (stream, lastStep, damage);

    /// <summary>Description of a damaged line found on opening; null if there is none.</summary>
    public string? Damage { get; }

    /// <summary>Step of the last line; 0 if the file is empty.</summary>
    public long LastStep { get; private set; }

    /// <summary>
    /// Opens the file for appending. Drops lines of steps after <paramref name="resumedStep"/>, which will be repeated,
    /// a partial last line, and all lines from a damaged one on; the damaged original is kept as <c>.damaged</c>, and
    /// the ledger still has its data. The kept lines are copied to a new file that replaces the old one, so that a
    /// suspended process that wakes after a takeover writes to a deleted file.
    /// </summary>
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
        {
            File.Copy(path, $"{path}.damaged", overwrite: true);
        }

        var aside = $"{path}.partial";

        // Unbuffered, so that a full disk fails the write and not the later close.
        var stream = new FileStream(aside, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
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

    /// <summary>Reads the complete lines of a file, even while it is being written.</summary>
    /// <exception cref="InvalidDataException">A complete line is not a metrics line.</exception>
    public static IEnumerable<StepMetrics> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        foreach (var (metrics, _) in ReadLines(stream, path, damage => throw new InvalidDataException(damage)))
        {
            yield return metrics;
        }
    }

    /// <summary>Copies the lines of later steps, up to the first damaged line.</summary>
    public static void CopyAfter(string path, long step, Stream output)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        foreach (var (metrics, _) in ReadLines(stream, path, _ => { }).Where(line => line.Metrics.Step > step))
        {
            Write(output, metrics);
        }
    }

    /// <summary>
    /// Returns the loss of the newest step up to <paramref name="step"/>; NaN if the readable part of the file has
    /// none.
    /// </summary>
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
        // One write per line, so that readers see partial lines only after a crash.
        Write(_stream, metrics);
        _stream.Flush();
        LastStep = metrics.Step;
    }

    /// <summary>Drops the lines of steps after <paramref name="step"/>: the run has gone back and ended before it repeated them.</summary>
    public void EndAt(long step)
    {
        if (LastStep <= step)
        {
            return;
        }

        _stream.Position = 0;
        var kept = ReadLines(new BufferedStream(_stream), _stream.Name, _ => { })
            .TakeWhile(line => line.Metrics.Step <= step)
            .Select(line => (line.Metrics.Step, line.End))
            .LastOrDefault();
        _stream.SetLength(kept.End);
        _stream.Position = kept.End;
        LastStep = kept.Step;
    }

    public void Dispose() => _stream.Dispose();

    private static void Write(Stream output, StepMetrics metrics)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(metrics, TelemetryJson.OneLine), (byte)'\n'];
        output.Write(line);
    }

    /// <summary>
    /// Complete lines up to the first damaged one, each with the file offset of its end. Text after the last line break
    /// is partial and ignored.
    /// </summary>
    private static IEnumerable<(StepMetrics Metrics, long End)> ReadLines(Stream stream, string path, Action<string> onDamage)
    {
        var line = new List<byte>();
        var number = 1;
        long offset = 0;
        int next;
        while ((next = stream.ReadByte()) != -1)
        {
            offset++;
            if (next != '\n')
            {
                line.Add((byte)next);
                continue;
            }

            if (Parse(line, out var reason) is not { } metrics)
            {
                onDamage($"{path}:{number}: not a metrics line ({reason})");
                yield break;
            }

            yield return (metrics, offset);
            number++;
            line.Clear();
        }
    }

    private static StepMetrics? Parse(List<byte> line, out string reason)
    {
        reason = "null is not an object";
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
