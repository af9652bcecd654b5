using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Trainer.Telemetry;
using Serilog.Events;

namespace ClipTrain.Trainer.Runs;

/// <summary>Writes what a run tells to its metrics files and shows it.</summary>
public sealed class RunObserver(IProgressView view, MetricsFile metricsFile, TensorBoardWriter? tensorBoard, int logEverySteps) : IRunObserver
{
    private CheckpointMark? _checkpoint;
    private RunPhase? _phase;

    public void OnMetrics(IReadOnlyList<StepMetrics> metrics)
    {
        foreach (var step in metrics)
        {
            view.Step(step);
            if (step.Step % logEverySteps != 0)
                continue;
            metricsFile.Append(step);
            tensorBoard?.Write(step);
        }
    }

    public void OnStatus(RunState state)
    {
        if (state.Phase != _phase && state.Phase == RunPhase.Running)
            view.Message(LogEventLevel.Information, $"{state.Members.Count} workers have joined.");
        _phase = state.Phase;
        if (state.LastCheckpoint is { } checkpoint && checkpoint != _checkpoint)
        {
            _checkpoint = checkpoint;
            view.Message(LogEventLevel.Information, $"Checkpoint of step {checkpoint.Step} written.");
        }
    }

    public void OnWarning(string text) => view.Message(LogEventLevel.Warning, text);

    public void OnWorkerLine(WorkerLine line) => view.Message(line.IsError ? LogEventLevel.Warning : LogEventLevel.Information, line.ToString());
}
