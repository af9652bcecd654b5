using ClipTrain.Coordinator.Protocol;
using Serilog;
using Serilog.Events;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Progress as log lines: the first steps, then a line every ten seconds, and the last step.</summary>
internal sealed class LogProgress(ILogger logger, TimeProvider time) : IProgressView
{
    private const int FirstSteps = 3;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private ProgressTracker? _tracker;
    private long _firstStep;
    private long _lastLine;

    public void Start(long totalSteps, long startStep)
    {
        lock (_lock)
        {
            _tracker = new ProgressTracker(totalSteps, startStep);
            _firstStep = startStep + 1;
        }

        if (startStep == 0)
        {
            logger.Information("training {Steps} steps", totalSteps);
        }
        else
        {
            logger.Information("resuming training at step {Step} of {Steps}", startStep, totalSteps);
        }
    }

    public void Step(StepMetrics metrics)
    {
        ProgressFigures figures;
        lock (_lock)
        {
            if (_tracker is null)
            {
                return;
            }

            figures = _tracker.Step(metrics);
            var isFirst = metrics.Step < _firstStep + FirstSteps;
            var isLast = metrics.Step >= figures.TotalSteps;
            if (!isFirst && !isLast && time.GetElapsedTime(_lastLine) < s_interval)
            {
                return;
            }

            _lastLine = time.GetTimestamp();
        }

        logger.Information(
            "step {Step}/{Steps} {Share:l} loss {Loss:l} {Rate:l} images/s ETA {Eta:l} data wait {DataWait:l}{LogitScale:l} "
                + "gradient norm {GradientNorm:l} learning rate {LearningRate:l}{LossScale:l}",
            figures.Step,
            figures.TotalSteps,
            Readable.Percent(figures.Share),
            Readable.Number(metrics.Loss),
            Readable.Number(figures.ImagesPerSecond),
            Readable.Duration(figures.Remaining!.Value),
            Readable.Percent(metrics.DataWaitShare),
            metrics.LogitScale is { } scale ? $" logit scale {Readable.Number(scale)}" : "",
            Readable.Number(metrics.GradientNorm),
            Readable.Number(metrics.LearningRate),
            metrics.LossScale is { } lossScale ? $" loss scale {Readable.Number(lossScale)} skipped {metrics.SkippedSteps}" : ""
        );
    }

    public void Message(LogEventLevel level, string text) => logger.Write(level, "{Text:l}", text);

    public void Stop()
    {
        lock (_lock)
        {
            _tracker = null;
        }
    }
}
