using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.Cli.DataTools;

/// <summary>Result of a loader benchmark.</summary>
/// <param name="Figures">Loader statistics of the measured time.</param>
/// <param name="Whole">Loader statistics including the warm-up.</param>
/// <param name="Batches">Batches taken in the measured time.</param>
/// <param name="Images">Images in these batches.</param>
internal sealed record LoaderBenchResult(LoaderFigures Figures, LoaderFigures Whole, long Batches, long Images)
{
    public double ImagesPerSecond => Images / Figures.Elapsed.TotalSeconds;
}

/// <summary>
/// Benchmark of a loader without training: takes batches as fast as they come. The first batches, which fill the
/// queues, are not measured.
/// </summary>
/// <param name="warmUp">Warm-up time after the first batch.</param>
/// <param name="duration">Measuring time; at least one batch is measured.</param>
internal sealed class LoaderBench(TimeSpan warmUp, TimeSpan duration, TimeProvider time)
{
    /// <param name="progress">Receives the number of measured images and the elapsed share of the time.</param>
    public LoaderBenchResult Run(TrainingLoader loader, Action<long, double> progress, CancellationToken cancellation)
    {
        loader.Take(cancellation).Dispose();
        var start = time.GetTimestamp();
        while (time.GetElapsedTime(start) < warmUp)
        {
            loader.Take(cancellation).Dispose();
        }

        var (began, before) = (time.GetTimestamp(), loader.Figures);
        long batches = 0,
            images = 0;
        do
        {
            using var batch = loader.Take(cancellation);
            batches++;
            images += batch.Count;
            progress(images, Math.Min(1, time.GetElapsedTime(began) / duration));
        } while (time.GetElapsedTime(began) < duration);

        var whole = loader.Figures;
        return new LoaderBenchResult(whole - before, whole, batches, images);
    }
}

/// <summary>Input rate that a run's steps require, computed from its metrics.</summary>
internal static class StepNeed
{
    /// <summary>
    /// Images a second over all workers if none ever waited for data: the median over steps. Null if there are no
    /// steps.
    /// </summary>
    public static double? ImagesPerSecond(IEnumerable<StepMetrics> steps)
    {
        double[] rates =
        [
            .. steps.Where(step => step.DataWaitShare < 1).Select(step => step.ImagesPerSecond / (1 - step.DataWaitShare)).Order(),
        ];
        return rates.Length == 0 ? null : rates[rates.Length / 2];
    }
}
