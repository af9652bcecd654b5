using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Monitoring.Series;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Monitoring.Runs;

/// <summary>Activity of a rank over the last steps.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="Worker">The worker's name; null if unknown.</param>
/// <param name="Samples">Samples per step.</param>
/// <param name="BusySeconds">Seconds per step of its own work.</param>
/// <param name="WaitingSeconds">Seconds per step that it waits for other ranks.</param>
/// <param name="BadSamples">Unusable samples in the last steps.</param>
public sealed record RankShare(int Rank, string? Worker, double Samples, double BusySeconds, double WaitingSeconds, long BadSamples);

/// <summary>The activity of a run's ranks over its last steps, from the end of its ledger.</summary>
internal sealed class RankActivity(string folder)
{
    private const long TailBytes = 256 * 1024;

    private readonly RecentSteps _steps = new();
    private IReadOnlyList<string> _workers = [];
    private (string Path, TailedFile File)? _segment;
    private long _recent;

    /// <summary>Reads new lines of the ledger.</summary>
    public void Read()
    {
        if (!Directory.Exists(folder) || Directory.EnumerateFiles(folder, "*.jsonl").Max(StringComparer.Ordinal) is not { } newest)
        {
            return;
        }

        if (_segment?.Path != newest)
        {
            _segment = (newest, new TailedFile(newest));
            _recent = new FileInfo(newest).Length - TailBytes;
        }

        _segment.Value.File.Read(_steps.Clear, (line, offset) => Take(line.Span, offset));
    }

    public IReadOnlyList<RankShare> Shares()
    {
        var steps = _steps.OfLastGeneration;
        return steps.Count == 0 ? [] : [.. Enumerable.Range(0, steps[^1].Shares.Count).Select(rank => Of(rank, steps))];
    }

    /// <summary>The bottleneck of the run; null if there are too few steps.</summary>
    public StepVerdict? Verdict => _steps.Verdict;

    /// <summary>Samples of all ranks a second over the last steps; null if there are too few.</summary>
    public double? SamplesPerSecond => _steps.SamplesPerSecond;

    /// <summary>Where the time of the last steps went; null if none was measured.</summary>
    public StepPhases? Phases => _steps.Phases;

    private RankShare Of(int rank, IReadOnlyList<StepRecord> steps)
    {
        // A rank reports the time of the previous step.
        var timed = steps.Zip(steps.Skip(1)).Where(pair => pair.Second.Shares[rank].BusySeconds > 0).ToArray();
        var busy = timed.Select(pair => pair.Second.Shares[rank].BusySeconds).DefaultIfEmpty(double.NaN).Average();
        var whole = timed.Select(pair => pair.First.Metrics.StepSeconds).DefaultIfEmpty(double.NaN).Average();
        return new RankShare(
            rank,
            rank < _workers.Count ? PlainText.Line(_workers[rank], PlainText.NameLength) : null,
            steps.Average(step => step.Shares[rank].Samples),
            busy,
            Math.Max(0, whole - busy),
            steps.Sum(step => (long)step.Shares[rank].BadSamples)
        );
    }

    /// <summary>
    /// Parses a line. Of old lines only those with worker names are parsed, since the ledger of a long run has hundreds of
    /// megabytes.
    /// </summary>
    private void Take(ReadOnlySpan<byte> line, long offset)
    {
        if (offset < _recent && !line.StartsWith("{\"generation\""u8))
        {
            return;
        }

        try
        {
            var entry = JsonSerializer.Deserialize(line, CoordinatorJson.Default.LedgerEntry);
            if (entry?.Generation is { } generation)
            {
                _workers = generation.Workers;
            }

            if (entry?.Step is { } step)
            {
                _steps.Add(step);
            }
        }
        catch (JsonException)
        {
            // The audit reports damaged lines.
        }
    }
}
