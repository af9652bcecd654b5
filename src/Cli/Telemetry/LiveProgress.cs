using ClipTrain.Coordinator.Protocol;
using Serilog;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Progress panel at the bottom of the terminal. Log lines on the same console appear above it.</summary>
internal sealed class LiveProgress(IAnsiConsole console, ILogger logger, TimeProvider time) : IProgressView
{
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(100);

    private ProgressTracker? _tracker;
    private LiveDisplayContext? _display;
    private TaskCompletionSource? _stop;
    private Task _running = Task.CompletedTask;
    private long _lastDrawn;

    public void Start(long totalSteps, long startStep)
    {
        lock (TrainingProgress.Terminal)
        {
            _tracker = new ProgressTracker(totalSteps, startStep);
            _stop = new TaskCompletionSource();
            _running = console
                .Live(ProgressPanel.Draw(_tracker.Figures))
                .StartAsync(context =>
                {
                    _display = context;
                    context.Refresh();
                    return _stop.Task;
                });
        }
    }

    public void Step(StepMetrics metrics)
    {
        lock (TrainingProgress.Terminal)
        {
            if (_tracker is null)
            {
                return;
            }

            var figures = _tracker.Step(metrics);
            // Small models take many steps a second, too many to redraw the terminal for each.
            if (time.GetElapsedTime(_lastDrawn) < s_refresh && figures.Step < figures.TotalSteps)
            {
                return;
            }

            Draw();
        }
    }

    public void Message(LogEventLevel level, string text) => logger.Write(level, "{Text:l}", text);

    public void Stop()
    {
        lock (TrainingProgress.Terminal)
        {
            if (_tracker is null)
            {
                return;
            }

            Draw();
            _tracker = null;
            _stop!.SetResult();
        }

        _running.GetAwaiter().GetResult();
    }

    private void Draw()
    {
        _lastDrawn = time.GetTimestamp();
        _display!.UpdateTarget(ProgressPanel.Draw(_tracker!.Figures));
    }
}
