using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// Receives events of a run, to show or record them. Calls come one at a time, from any thread, and delay the run, so they should return
/// quickly. Exceptions are logged and otherwise ignored.
/// </summary>
public interface IRunObserver
{
    /// <summary>The phase, the members, the last checkpoint or the failures changed.</summary>
    void OnStatus(RunState state);

    /// <summary>New steps, in order, each once: steps repeated after a return to a checkpoint are omitted.</summary>
    void OnSteps(IReadOnlyList<StepRecord> steps);

    void OnWarning(string text);

    void OnWorkerLine(WorkerLine line);
}

/// <summary>Serializes the calls to an observer and logs its exceptions, which must not reach the run.</summary>
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
                logger.LogError(error, "The run's observer failed; an event is lost.");
            }
        }
    }
}
