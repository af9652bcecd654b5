using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Monitoring.Verdict;
using Serilog.Events;

namespace ClipTrain.Cli.Runs;

/// <summary>Writes what a run tells to its metrics files and shows it.</summary>
/// <param name="known">The checkpoint that the run goes on from, which is no news.</param>
public sealed class RunObserver(
    IProgressView view,
    MetricsFile metricsFile,
    TensorBoardWriter? tensorBoard,
    int logEverySteps,
    CheckpointMark? known
) : IRunObserver
{
    private readonly RecentSteps _recent = new();
    private CheckpointMark? _checkpoint = known;
    private volatile bool _hasEnded;
    private int _generation;

    /// <summary>True once the run is over: what is left is to evaluate it and to sum it up.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>The newest step; null before the first.</summary>
    public StepMetrics? LastStep { get; private set; }

    /// <summary>Looks at each step for what somebody should know of; null where the configuration turns that off.</summary>
    public RunAlerting? Alerts { get; init; }

    /// <summary>What bounds the run's rate, by its last steps; null when there are too few.</summary>
    public StepVerdict? Verdict => _recent.Verdict;

    public void OnSteps(IReadOnlyList<StepRecord> steps)
    {
        Write([.. steps.Select(step => step.Metrics)]);
        foreach (var step in steps)
        {
            Alerts?.Observe(step);
            _recent.Add(step);
        }
    }

    /// <summary>Writes and shows steps.</summary>
    public void Write(IReadOnlyList<StepMetrics> metrics)
    {
        foreach (var step in metrics)
        {
            view.Step(step);
            LastStep = step;
            if (step.Step % logEverySteps != 0)
                continue;
            metricsFile.Append(step);
            tensorBoard?.Write(step);
        }
    }

    /// <summary>Evaluates checkpoints beside the run; null where that is not asked for.</summary>
    public CheckpointEvaluations? Evaluations { get; init; }

    public void OnStatus(RunState state)
    {
        _hasEnded = state.HasEnded;
        if (state.Phase == RunPhase.Running && state.Generation != _generation && state.Assignment is { } place)
        {
            _generation = state.Generation;
            view.Message(
                LogEventLevel.Information,
                $"generation {place.Generation}: {place.WorldSize} worker{(place.WorldSize == 1 ? "" : "s")} from step "
                    + $"{Math.Max(place.StartStep, state.RecordedStep)}"
            );
        }

        if (state.LastCheckpoint is { } checkpoint && checkpoint != _checkpoint)
        {
            _checkpoint = checkpoint;
            Evaluations?.Offer(checkpoint.Step);
            view.Message(LogEventLevel.Information, $"Checkpoint of step {checkpoint.Step} written.");
        }
    }

    public void OnWarning(string text) => view.Message(LogEventLevel.Warning, text);

    public void OnWorkerLine(WorkerLine line) =>
        view.Message(line.IsError ? LogEventLevel.Warning : LogEventLevel.Information, line.ToString());
}
