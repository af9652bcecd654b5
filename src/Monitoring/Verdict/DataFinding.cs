using ClipTrain.Coordinator.Protocol;
using static ClipTrain.Monitoring.Verdict.Words;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>The stage of the data loader that steps wait for.</summary>
internal static class DataFinding
{
    /// <param name="steps">Steps of one generation.</param>
    /// <param name="wait">Share of a step that waits for data.</param>
    public static Finding Of(IReadOnlyList<StepRecord> steps, double wait)
    {
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
        var begin = $"Steps wait for data {Percent(wait)} of their time, which is limited by";
        if (starved || read > Math.Max(decode, tokenize))
        {
            return Removable(Bound.Reading, $"{begin} reading: put the corpus on faster storage, or write smaller row groups");
        }

        if (tokenize > decode)
        {
            return Removable(Bound.Tokenizing, $"{begin} tokenizing long captions: raise data.threads or shorten the captions") with
            {
                Key = "data.threads",
            };
        }

        return loaders.LastOrDefault() is { Threads: { } threads, Cores: { } cores } && threads < cores
            ? OfThreads(begin, wait, threads, cores)
            : Removable(
                Bound.Decoding,
                $"{begin} decoding images: set data.jpeg: scaled, store smaller images, or give the worker more cores"
            ) with
            {
                Key = "data.jpeg",
            };

        Finding Removable(Bound bound, string text) =>
            Finding.Removable(bound, wait, times => $"{text}; without the wait the run would be {times} as fast.");
    }

    /// <summary>More threads decode proportionally faster as long as cores are idle, which they are while steps wait.</summary>
    private static Finding OfThreads(string begin, double wait, int threads, int cores)
    {
        var gain = Math.Min(1 / (1 - wait), cores / (double)threads);
        return new(
            Bound.DecodingThreads,
            wait,
            gain,
            $"{begin} decoding images on {threads} of {cores} cores: data.threads: {cores} would make the run up to {Times(gain)} as fast."
        )
        {
            Key = "data.threads",
        };
    }
}
