using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Trainer.Telemetry;

/// <summary>metrics.jsonl: one JSON line for each step, in the order of steps. Lines are flushed as they are written.</summary>
public sealed class MetricsFile : IDisposable
{
    private readonly FileStream _stream;

    private MetricsFile(FileStream stream, long lastStep) => (_stream, LastStep) = (stream, lastStep);

    /// <summary>The step of the last line; 0 when there is none.</summary>
    public long LastStep { get; private set; }

    /// <summary>
    /// Opens the file to append. Lines of steps after <paramref name="resumedStep"/>, which will be run again, and a last line that a crash left torn are cut off.
    /// What is kept is copied to a new file in the old one's place: a process that was stopped while it wrote, and wakes when another has the run, writes where nobody reads.
    /// </summary>
    /// <exception cref="InvalidDataException">A whole line is no metrics line.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static MetricsFile Open(string path, long resumedStep)
    {
        using var old = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite);
        var kept = ReadLines(old, path).TakeWhile(line => line.Metrics.Step <= resumedStep).Select(line => (line.Metrics.Step, line.End)).LastOrDefault();
        var aside = $"{path}.partial";
        var stream = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        try
        {
            old.Position = 0;
            old.CopyTo(stream);
            stream.SetLength(kept.End);
            stream.Position = kept.End;
            stream.Flush(flushToDisk: true);
            File.Move(aside, path, overwrite: true);
            return new MetricsFile(stream, kept.Step);
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
        foreach (var (metrics, _) in ReadLines(stream, path))
            yield return metrics;
    }

    /// <summary>Copies the lines of steps after a step.</summary>
    public static void CopyAfter(string path, long step, Stream output)
    {
        foreach (var metrics in Read(path).Where(metrics => metrics.Step > step))
            Write(output, metrics);
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

    /// <summary>Each whole line, and the offset of its end in the file. What follows the last line break is torn and left out.</summary>
    private static IEnumerable<(StepMetrics Metrics, long End)> ReadLines(FileStream stream, string path)
    {
        var line = new List<byte>();
        var number = 1;
        long offset = 0;
        for (int next; (next = stream.ReadByte()) != -1;)
        {
            offset++;
            if (next != '\n')
            {
                line.Add((byte)next);
                continue;
            }

            yield return (Parse(line, path, number), offset);
            number++;
            line.Clear();
        }
    }

    private static StepMetrics Parse(List<byte> line, string path, int number)
    {
        try
        {
            return JsonSerializer.Deserialize<StepMetrics>(line.ToArray(), TelemetryJson.OneLine)
                ?? throw new JsonException("null is no object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}:{number}: this is no metrics line ({e.Message}); mend the line, or move the file away", e);
        }
    }
}
