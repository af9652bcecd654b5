using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.Cli.DataTools;

/// <summary>What a loader gave to a consumer that takes batches as they come.</summary>
/// <param name="Figures">Of the measured time.</param>
/// <param name="Whole">The same from the beginning on.</param>
/// <param name="Batches">Batches taken in the measured time.</param>
/// <param name="Images">Images in them.</param>
internal sealed record LoaderBenchResult(LoaderFigures Figures, LoaderFigures Whole, long Batches, long Images)
{
    public double ImagesPerSecond => Images / Figures.Elapsed.TotalSeconds;
}

/// <summary>Runs a loader alone. The time until the first batches, which fill memory, is not measured.</summary>
/// <param name="warmUp">Time before the measurement begins, from the first batch on.</param>
/// <param name="duration">Time measured, at least one batch.</param>
internal sealed class LoaderBench(TimeSpan warmUp, TimeSpan duration, TimeProvider time)
{
    /// <param name="progress">Told the measured images and the share of the time that is over.</param>
    public LoaderBenchResult Run(TrainingLoader loader, Action<long, double> progress, CancellationToken cancellation)
    {
        loader.Take(cancellation).Dispose();
        var start = time.GetTimestamp();
        while (time.GetElapsedTime(start) < warmUp)
            loader.Take(cancellation).Dispose();

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

/// <summary>What a model's step takes in, by a run's metrics.</summary>
internal static class StepNeed
{
    /// <summary>Images a second over all workers if they never waited for data: the median of the steps. Null without steps.</summary>
    public static double? ImagesPerSecond(IEnumerable<StepMetrics> steps)
    {
        double[] rates =
        [
            .. steps.Where(step => step.DataWaitShare < 1).Select(step => step.ImagesPerSecond / (1 - step.DataWaitShare)).Order(),
        ];
        return rates.Length == 0 ? null : rates[rates.Length / 2];
    }
}
