using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Cli.DataTools;

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
