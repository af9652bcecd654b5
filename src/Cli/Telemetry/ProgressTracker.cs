using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Where a run stands.</summary>
/// <param name="ImagesPerSecond">Smoothed over the last steps.</param>
/// <param name="Remaining">Time to the last step; unknown before the first one.</param>
/// <param name="Last">The newest step; none before the first one.</param>
internal sealed record ProgressFigures(long Step, long TotalSteps, double ImagesPerSecond, TimeSpan? Remaining, StepMetrics? Last)
{
    public double Share => TotalSteps == 0 ? 1 : (double)Step / TotalSteps;
}

/// <summary>Follows a run step by step.</summary>
internal sealed class ProgressTracker(long totalSteps, long startStep)
{
    private readonly StepRate _rate = new();

    public ProgressFigures Figures { get; private set; } = new(startStep, totalSteps, 0, null, null);

    public ProgressFigures Step(StepMetrics metrics)
    {
        _rate.Add(metrics.StepSeconds, metrics.ImagesPerSecond * metrics.StepSeconds);
        return Figures = new ProgressFigures(
            metrics.Step,
            totalSteps,
            _rate.ImagesPerSecond,
            _rate.Remaining(Math.Max(0, totalSteps - metrics.Step)),
            metrics
        );
    }
}
