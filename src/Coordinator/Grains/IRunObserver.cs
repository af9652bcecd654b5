using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// What leaves a run for those who show or record it. Calls come one at a time, from any thread, and delay the run: return
/// soon. An exception goes to the log and is otherwise ignored.
/// </summary>
public interface IRunObserver
{
    /// <summary>The phase, the members, the last checkpoint or the failures have changed.</summary>
    void OnStatus(RunState state);

    /// <summary>New steps, in order, each once: a step that is done again after a return to a checkpoint is not told of again.</summary>
    void OnSteps(IReadOnlyList<StepRecord> steps);

    void OnWarning(string text);

    void OnWorkerLine(WorkerLine line);
}
