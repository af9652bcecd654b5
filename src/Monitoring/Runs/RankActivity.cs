using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Monitoring.Series;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Monitoring.Runs;

/// <summary>How a rank spent the last steps.</summary>
/// <param name="Rank">Its number.</param>
/// <param name="Worker">The worker's name; null when it is not known.</param>
/// <param name="Samples">Samples a step.</param>
/// <param name="BusySeconds">Seconds a step at its own work.</param>
/// <param name="WaitingSeconds">Seconds a step that it waited for other ranks.</param>
/// <param name="BadSamples">Unusable samples in the last steps.</param>
public sealed record RankShare(int Rank, string? Worker, double Samples, double BusySeconds, double WaitingSeconds, long BadSamples);

/// <summary>The ranks of a run over its last steps, from the end of its ledger.</summary>
internal sealed class RankActivity(string folder)
{
    private const long TailBytes = 256 * 1024;

    private readonly RecentSteps _steps = new();
    private IReadOnlyList<string> _workers = [];
    private (string Path, TailedFile File)? _segment;
    private long _recent;

    /// <summary>Reads what the ledger has gained.</summary>
    public void Read()
    {
        if (!Directory.Exists(folder) || Directory.EnumerateFiles(folder, "*.jsonl").Max(StringComparer.Ordinal) is not { } newest)
            return;
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

    /// <summary>What bounds the run; null when there are too few steps.</summary>
    public StepVerdict? Verdict => _steps.Verdict;

    private RankShare Of(int rank, IReadOnlyList<StepRecord> steps)
    {
        // A rank tells the time of the step before.
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

    /// <summary>Of old lines only those that name workers are read: a long run's ledger has hundreds of megabytes.</summary>
    private void Take(ReadOnlySpan<byte> line, long offset)
    {
        if (offset < _recent && !line.StartsWith("{\"generation\""u8))
            return;
        try
        {
            var entry = JsonSerializer.Deserialize(line, CoordinatorJson.Default.LedgerEntry);
            if (entry?.Generation is { } generation)
                _workers = generation.Workers;
            if (entry?.Step is { } step)
                _steps.Add(step);
        }
        catch (JsonException)
        {
            // A damaged line is for the audit to tell.
        }
    }
}
