using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>What bounds a run's rate.</summary>
public enum Bound
{
    /// <summary>Reading row groups.</summary>
    Reading,

    /// <summary>Decoding images and cutting out their crops.</summary>
    Decoding,

    /// <summary>Tokenizing captions.</summary>
    Tokenizing,

    /// <summary>One rank that all others wait for.</summary>
    Straggler,

    /// <summary>The exchange between ranks.</summary>
    Exchange,

    /// <summary>The model's own arithmetic.</summary>
    Compute,
}

/// <summary>What bounds a run, by its last steps, and the change that would help most.</summary>
/// <param name="Bound">The cause.</param>
/// <param name="DataWait">Share of a step that waits for data.</param>
/// <param name="RankWait">Share of a step that the average rank waits for others.</param>
/// <param name="Gain">Steps a second if the cause were gone, against now.</param>
/// <param name="Text">Cause and change in a sentence.</param>
public sealed record StepVerdict(Bound Bound, double DataWait, double RankWait, double Gain, string Text)
{
    /// <summary>A wait of less than this share of a step is not worth a change.</summary>
    private const double Worth = 0.08;

    /// <summary>The verdict over steps of one generation; null when there are fewer than two.</summary>
    /// <param name="steps">In order; the first ones of a run, which fill caches, should be left out.</param>
    public static StepVerdict? Of(IReadOnlyList<StepRecord> steps)
    {
        if (steps.Count < 2)
            return null;
        var seconds = steps.Average(step => step.Metrics.StepSeconds);
        var dataWait = steps.Average(step => step.Metrics.DataWaitShare * step.Metrics.StepSeconds) / seconds;
        double[] busy = Busy(steps);
        double most = busy.Length > 0 ? busy.Max() : seconds,
            mean = busy.Length > 0 ? busy.Average() : seconds;
        var rankWait = Math.Clamp(1 - (mean / seconds), 0, 1);
        // What even the busiest rank waits is the exchange itself; what the others wait beyond that is its fault.
        double exchange = Math.Clamp(1 - (most / seconds), 0, 1),
            straggling = (most - mean) / seconds;
        if (dataWait >= Worth && dataWait >= Math.Max(exchange, straggling))
            return OfData(steps, dataWait, rankWait);
        if (straggling >= Worth && straggling >= exchange)
        {
            return new StepVerdict(
                Bound.Straggler,
                dataWait,
                rankWait,
                most / mean,
                $"Rank {Array.IndexOf(busy, most)} bounds the run: it works {Seconds(most)} a step, the average rank {Seconds(mean)}. "
                    + $"Free its machine, or leave it out: an even pace would be {Times(most / mean)} as fast."
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
                $"The model's arithmetic bounds the run: {Percent(1 - dataWait - exchange)} of a step. training.precision: bf16, a "
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
            return new StepVerdict(
                Bound.Reading,
                wait,
                rankWait,
                gain,
                $"{begin}, and reading is what they wait for: put the corpus on faster storage, or write smaller row groups; {end}"
            );
        return tokenize > decode
            ? new StepVerdict(
                Bound.Tokenizing,
                wait,
                rankWait,
                gain,
                $"{begin}, and tokenizing long captions is what they wait for: raise data.threads or shorten the captions; {end}"
            )
            : new StepVerdict(
                Bound.Decoding,
                wait,
                rankWait,
                gain,
                $"{begin}, and decoding images is what they wait for: raise data.threads, set data.jpeg: scaled, or store smaller "
                    + $"images; {end}"
            );
    }

    /// <summary>Seconds that each rank works a step; empty where they were not told. A record tells those of the step before.</summary>
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
