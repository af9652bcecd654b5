using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Serilog;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Chooses how progress is shown.</summary>
public static class TrainingProgress
{
    /// <summary>A panel that is redrawn in place on a terminal, plain log lines anywhere else.</summary>
    public static IProgressView Create(IAnsiConsole console, ILogger logger, TimeProvider time) =>
        IsLive(console) ? new LiveProgress(console, logger, time) : new LogProgress(logger, time);

    /// <summary>Whether a person watches: the output is a terminal that can move its cursor.</summary>
    internal static bool IsLive(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities is { Ansi: true, Interactive: true };
}

/// <summary>Shows how training goes on. Methods may be called from any thread.</summary>
public interface IProgressView
{
    /// <param name="totalSteps">The run's last step.</param>
    /// <param name="startStep">The step that the run goes on from; 0 for a new run.</param>
    void Start(long totalSteps, long startStep);

    /// <summary>A step was committed. <see cref="StepMetrics.Step"/> counts from 1.</summary>
    void Step(StepMetrics metrics);

    void Message(LogEventLevel level, string text);

    /// <summary>Leaves the terminal as it was found. May be called more than once.</summary>
    void Stop();
}

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

/// <summary>Smoothed speed: an average over steps whose weights fall by a constant factor with age. Steps and images are summed apart from seconds, so that the rate of uneven steps is what a clock would say.</summary>
/// <param name="smoothing">Weight of a step as a share of the next one's, from 0 (only the last counts) to 1 (all count alike).</param>
internal sealed class StepRate(double smoothing = 0.95)
{
    private double _steps;
    private double _seconds;
    private double _images;

    /// <summary>0 before the first step.</summary>
    public double SecondsPerStep => _steps > 0 ? _seconds / _steps : 0;

    /// <summary>0 before the first step.</summary>
    public double ImagesPerSecond => _seconds > 0 ? _images / _seconds : 0;

    public void Add(double seconds, double images)
    {
        _steps = (_steps * smoothing) + 1;
        _seconds = (_seconds * smoothing) + seconds;
        _images = (_images * smoothing) + images;
    }

    /// <summary>How long <paramref name="steps"/> more steps take; unknown before the first step.</summary>
    public TimeSpan? Remaining(long steps)
    {
        if (_steps == 0)
            return null;
        var seconds = steps * SecondsPerStep;
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
    }
}
