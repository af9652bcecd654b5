using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Serilog.Events;

namespace ClipTrain.Cli.Telemetry;

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
