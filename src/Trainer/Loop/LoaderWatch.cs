using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.Trainer.Loop;

/// <summary>
/// Loader metrics over the last ten seconds. A row group is read in one go, so a window of a single step would contain either the
/// whole read or none of it.
/// </summary>
public sealed class LoaderWatch
{
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(10),
        s_spacing = TimeSpan.FromSeconds(1);

    private readonly Queue<LoaderFigures> _looks = new();
    private TimeSpan _kept = TimeSpan.MinValue;

    /// <summary>Adds a reading of the loader's counters; returns null for the first one.</summary>
    public LoaderMetrics? Look(LoaderFigures now)
    {
        // Keep one reading that is as old as the window, so that the window never becomes shorter.
        while (_looks.Count > 1 && now.Elapsed - _looks.ElementAt(1).Elapsed >= s_window)
        {
            _looks.Dequeue();
        }

        var metrics = _looks.TryPeek(out var first) ? Of(now - first) : null;
        if (metrics is null || now.Elapsed - _kept >= s_spacing)
        {
            _looks.Enqueue(now);
            _kept = now.Elapsed;
        }

        return metrics;
    }

    /// <summary>The counters as rates and shares of time.</summary>
    public static LoaderMetrics Of(LoaderFigures figures)
    {
        var seconds = Math.Max(figures.Elapsed.TotalSeconds, 1e-9);
        return new LoaderMetrics(
            Stage(figures.Read, seconds, threads: 1),
            Stage(figures.Decode, seconds, figures.Threads),
            Stage(figures.Tokenize, seconds, figures.Threads),
            Stage(figures.Assemble, seconds, figures.Threads),
            figures.QueuedSamples,
            figures.QueuedBatches
        )
        {
            Threads = figures.Threads,
            Cores = figures.Cores,
        };
    }

    private static StageMetrics Stage(StageFigures stage, double seconds, int threads) =>
        new(
            Round(stage.Items / seconds),
            Share(stage.Busy, seconds * threads),
            Share(stage.Starved, seconds * threads),
            Share(stage.Blocked, seconds * threads)
        );

    private static double Share(TimeSpan time, double of) => Round(time.TotalSeconds / of);

    /// <summary>Sixteen digits per rate would make up most of a metrics line.</summary>
    private static double Round(double value) => Math.Round(value, 4);
}
