using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>A run's last steps. Only those of the last generation are analysed, since ranks differ between generations.</summary>
public sealed class RecentSteps
{
    private const int Most = 100;

    private readonly Queue<StepRecord> _steps = new();

    /// <summary>The newest steps of the last generation, in order.</summary>
    public IReadOnlyList<StepRecord> OfLastGeneration =>
        _steps.LastOrDefault() is { } last ? [.. _steps.Where(step => step.Generation == last.Generation)] : [];

    /// <summary>The bottleneck of the run over these steps; null if there are too few.</summary>
    public StepVerdict? Verdict => StepVerdict.Of(OfLastGeneration);

    /// <summary>Where the time of these steps went; null if none was measured.</summary>
    public StepPhases? Phases => StepPhases.Of(OfLastGeneration);

    public void Add(StepRecord step)
    {
        if (_steps.Count == Most)
        {
            _steps.Dequeue();
        }

        _steps.Enqueue(step);
    }

    public void Clear() => _steps.Clear();
}

/// <summary>Bottleneck of a run.</summary>
public enum Bound
{
    /// <summary>Reading row groups.</summary>
    Reading,

    /// <summary>Decoding and cropping images.</summary>
    Decoding,

    /// <summary>Tokenizing captions.</summary>
    Tokenizing,

    /// <summary>One rank that all others wait for.</summary>
    Straggler,

    /// <summary>The exchange between ranks.</summary>
    Exchange,

    /// <summary>The model's arithmetic.</summary>
    Compute,
}

/// <summary>The bottleneck of a run over its last steps, and the most helpful change.</summary>
/// <param name="Bound">The bottleneck.</param>
/// <param name="DataWait">Fraction of a step spent waiting for data.</param>
/// <param name="RankWait">Fraction of a step that the average rank waits for others.</param>
/// <param name="Gain">Speed-up if the bottleneck were removed.</param>
/// <param name="Text">Bottleneck and remedy in a sentence.</param>
public sealed record StepVerdict(Bound Bound, double DataWait, double RankWait, double Gain, string Text)
{
    /// <summary>Smallest fraction of a step that is worth a change.</summary>
    private const double Worth = 0.08;

    /// <summary>The verdict over steps of one generation; null if there are fewer than two.</summary>
    /// <param name="steps">Steps in order, without the first ones of a run, which fill caches.</param>
    public static StepVerdict? Of(IReadOnlyList<StepRecord> steps)
    {
        if (steps.Count < 2)
        {
            return null;
        }

        var seconds = steps.Average(step => step.Metrics.StepSeconds);
        var dataWait = steps.Average(step => step.Metrics.DataWaitShare * step.Metrics.StepSeconds) / seconds;
        var busy = Busy(steps);
        double most = busy.Length > 0 ? busy.Max() : seconds,
            mean = busy.Length > 0 ? busy.Average() : seconds;
        var rankWait = Math.Clamp(1 - (mean / seconds), 0, 1);
        // The busiest rank's wait is the exchange itself; the additional wait of the others is due to that rank.
        double exchange = Math.Clamp(1 - (most / seconds), 0, 1),
            straggling = (most - mean) / seconds;
        if (dataWait >= Worth && dataWait >= Math.Max(exchange, straggling))
        {
            return OfData(steps, dataWait, rankWait);
        }

        if (straggling >= Worth && straggling >= exchange)
        {
            return new StepVerdict(
                Bound.Straggler,
                dataWait,
                rankWait,
                most / mean,
                $"Rank {Array.IndexOf(busy, most)} limits the run: it works {Seconds(most)} per step, the average rank {Seconds(mean)}. "
                    + $"Free its machine, or remove it: an even pace would be {Times(most / mean)} as fast."
            );
        }

        return exchange >= Worth
            ? new StepVerdict(
                Bound.Exchange,
                dataWait,
                rankWait,
                1 / (1 - exchange),
                $"The exchange between ranks takes {Percent(exchange)} of a step: a larger batch for each rank, or a faster network "
                    + $"(cluster addresses), would give up to {Times(1 / (1 - exchange))} the rate."
            )
            : new StepVerdict(
                Bound.Compute,
                dataWait,
                rankWait,
                1,
                $"The model's arithmetic limits the run: {Percent(1 - dataWait - exchange)} of a step. training.precision: bf16, a "
                    + "larger batch or another device would help; cliptrain bench step shows where the time goes."
            );
    }

    private static StepVerdict OfData(IReadOnlyList<StepRecord> steps, double wait, double rankWait)
    {
        var gain = 1 / (1 - wait);
        LoaderMetrics[] loaders = [.. steps.Select(step => step.Metrics.Loader).OfType<LoaderMetrics>()];
        var (read, decode, tokenize) =
            loaders.Length == 0
                ? (0, 1, 0)
                : (
                    loaders.Average(loader => loader.Read.Busy),
                    loaders.Average(loader => loader.Decode.Busy + loader.Assemble.Busy),
                    loaders.Average(loader => loader.Tokenize.Busy)
                );
        var starved = loaders.Length > 0 && loaders.Average(loader => loader.Decode.Starved) > 0.5;
        var begin = $"Steps wait for data {Percent(wait)} of their time";
        var end = $"without the wait the run would be {Times(gain)} as fast.";
        if (starved || read > Math.Max(decode, tokenize))
        {
            return new StepVerdict(
                Bound.Reading,
                wait,
                rankWait,
                gain,
                $"{begin}, which is limited by reading: put the corpus on faster storage, or write smaller row groups; {end}"
            );
        }

        return tokenize > decode
            ? new StepVerdict(
                Bound.Tokenizing,
                wait,
                rankWait,
                gain,
                $"{begin}, which is limited by tokenizing long captions: raise data.threads or shorten the captions; {end}"
            )
            : new StepVerdict(
                Bound.Decoding,
                wait,
                rankWait,
                gain,
                $"{begin}, which is limited by decoding images: raise data.threads, set data.jpeg: scaled, or store smaller "
                    + $"images; {end}"
            );
    }

    /// <summary>Busy seconds per step of each rank; empty if unknown. A record contains those of the previous step.</summary>
    private static double[] Busy(IReadOnlyList<StepRecord> steps)
    {
        StepRecord[] told =
        [
            .. steps
                .Skip(1)
                .Where(step =>
                    step.Shares.Count > 0 && step.Shares.Count == steps[^1].Shares.Count && step.Shares.All(share => share.BusySeconds > 0)
                ),
        ];
        return told.Length == 0
            ? []
            : [.. Enumerable.Range(0, told[0].Shares.Count).Select(rank => told.Average(step => step.Shares[rank].BusySeconds))];
    }

    private static string Percent(double share) => share.ToString("P0", CultureInfo.InvariantCulture);

    private static string Seconds(double value) => $"{value.ToString("G3", CultureInfo.InvariantCulture)} s";

    private static string Times(double value) => $"{value.ToString("F2", CultureInfo.InvariantCulture)} times";
}
