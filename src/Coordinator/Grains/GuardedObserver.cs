using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Grains;

/// <summary>One call at a time, and no exception of an observer reaches the run.</summary>
internal sealed class GuardedObserver(IRunObserver observer, ILogger logger) : IRunObserver
{
    private readonly Lock _lock = new();

    public void OnStatus(RunState state) => Guard(() => observer.OnStatus(state));

    public void OnSteps(IReadOnlyList<StepRecord> steps) => Guard(() => observer.OnSteps(steps));

    public void OnWarning(string text) => Guard(() => observer.OnWarning(text));

    public void OnWorkerLine(WorkerLine line) => Guard(() => observer.OnWorkerLine(line));

    private void Guard(Action call)
    {
        lock (_lock)
        {
            try
            {
                call();
            }
            catch (Exception error)
            {
                logger.LogError(error, "The run's observer failed; what it was told is lost.");
            }
        }
    }
}
