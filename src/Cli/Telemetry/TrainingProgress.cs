using ClipTrain.Coordinator.Protocol;
using Serilog;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Factory of progress views.</summary>
public static class TrainingProgress
{
    /// <summary>Creates a live panel on a terminal, otherwise plain log lines.</summary>
    public static IProgressView Create(IAnsiConsole console, ILogger logger, TimeProvider time) =>
        IsLive(console) ? new LiveProgress(console, logger, time) : new LogProgress(logger, time);

    /// <summary>
    /// Held by whoever writes to the terminal. Spectre.Console takes the locks of its console and of its live display in one order to
    /// write above the display and in the other to redraw it, so that both at once would wait for each other for ever.
    /// </summary>
    internal static Lock Terminal { get; } = new();

    /// <summary>True if the output is an interactive terminal.</summary>
    internal static bool IsLive(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities is { Ansi: true, Interactive: true };
}

/// <summary>Display of training progress. Thread-safe.</summary>
public interface IProgressView
{
    /// <param name="totalSteps">The run's last step.</param>
    /// <param name="startStep">Step that the run resumes from; 0 for a new run.</param>
    void Start(long totalSteps, long startStep);

    /// <summary>Shows a committed step. <see cref="StepMetrics.Step"/> counts from 1.</summary>
    void Step(StepMetrics metrics);

    void Message(LogEventLevel level, string text);

    /// <summary>Restores the terminal. May be called more than once.</summary>
    void Stop();
}

/// <summary>State of a run for display.</summary>
/// <param name="ImagesPerSecond">Rate, smoothed over the last steps.</param>
/// <param name="Remaining">Estimated time to the last step; null before the first step.</param>
/// <param name="Last">Metrics of the newest step; null before the first step.</param>
internal sealed record ProgressFigures(long Step, long TotalSteps, double ImagesPerSecond, TimeSpan? Remaining, StepMetrics? Last)
{
    public double Share => TotalSteps == 0 ? 1 : (double)Step / TotalSteps;
}

/// <summary>Tracker of a run's state, updated with each step.</summary>
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

/// <summary>
/// Exponentially smoothed rate. Weighted sums of steps, images and seconds are kept separately, so that the rate is
/// correct for steps of uneven duration.
/// </summary>
/// <param name="smoothing">Ratio of a step's weight to the next one's, from 0 (only the last step counts) to 1 (all
/// count equally).</param>
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

    /// <summary>Estimated duration of <paramref name="steps"/> more steps; null before the first step.</summary>
    public TimeSpan? Remaining(long steps)
    {
        if (_steps == 0)
        {
            return null;
        }

        var seconds = steps * SecondsPerStep;
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
    }
}
