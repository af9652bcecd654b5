using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Monitoring.Verdict;
using Serilog.Events;

namespace ClipTrain.Cli.Runs;

/// <summary>Records a run's steps in its metrics files and shows its progress.</summary>
/// <param name="known">Checkpoint that the run resumed from, which is not reported again.</param>
internal sealed class RunObserver(
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

    /// <summary>True once training is over and only the final evaluation remains.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>Metrics of the newest step, with the newest measurements, which few steps have; null before the first step.</summary>
    public StepMetrics? LastStep { get; private set; }

    /// <summary>Spans of the run.</summary>
    public RunTraces Traces { get; } = new(TimeProvider.System);

    /// <summary>Alert rules applied to each step; null if alerts are disabled.</summary>
    public RunAlerting? Alerts { get; init; }

    /// <summary>Bottleneck of the run, estimated from its recent steps; null if there are too few.</summary>
    public StepVerdict? Verdict => _recent.Verdict;

    /// <summary>Where the time of the recent steps went; null if none was measured.</summary>
    public StepPhases? Phases => _recent.Phases;

    public void OnSteps(IReadOnlyList<StepRecord> steps)
    {
        Write([.. steps.Select(step => step.Metrics)]);
        foreach (var step in steps)
        {
            Alerts?.Observe(step);
            Traces.Step(step.Metrics);
            _recent.Add(step);
        }
    }

    /// <summary>Records and shows steps.</summary>
    public void Write(IReadOnlyList<StepMetrics> metrics)
    {
        foreach (var step in metrics)
        {
            view.Step(step);
            LastStep = step with
            {
                Phases = step.Phases ?? LastStep?.Phases,
                Mfu = step.Mfu ?? LastStep?.Mfu,
                ImageTower = step.ImageTower ?? LastStep?.ImageTower,
                TextTower = step.TextTower ?? LastStep?.TextTower,
            };
            if (step.Step % logEverySteps != 0)
            {
                continue;
            }

            metricsFile.Append(step);
            tensorBoard?.Write(step);
        }
    }

    /// <summary>Evaluation of checkpoints during training; null if disabled.</summary>
    public CheckpointEvaluations? Evaluations { get; init; }

    public void OnStatus(RunState state)
    {
        _hasEnded = state.HasEnded;
        if (state.HasEnded)
        {
            metricsFile.EndAt(state.RecordedStep);
        }

        if (state.Phase == RunPhase.Running && state.Generation != _generation && state.Assignment is { } assignment)
        {
            _generation = state.Generation;
            Traces.BeginGeneration(assignment.Generation, assignment.WorldSize, Math.Max(assignment.StartStep, state.RecordedStep));
            view.Message(
                LogEventLevel.Information,
                $"generation {assignment.Generation}: {assignment.WorldSize} worker{(assignment.WorldSize == 1 ? "" : "s")} from step "
                    + $"{Math.Max(assignment.StartStep, state.RecordedStep)}"
            );
        }

        if (state.LastCheckpoint is { } checkpoint && checkpoint != _checkpoint)
        {
            _checkpoint = checkpoint;
            Traces.Checkpoint(checkpoint.Step, checkpoint.Directory);
            Evaluations?.Offer(checkpoint.Step);
            view.Message(LogEventLevel.Information, $"Checkpoint of step {checkpoint.Step} written.");
        }
    }

    public void OnWarning(string text) => view.Message(LogEventLevel.Warning, text);

    public void OnWorkerLine(WorkerLine line) =>
        view.Message(line.IsError ? LogEventLevel.Warning : LogEventLevel.Information, line.ToString());
}
