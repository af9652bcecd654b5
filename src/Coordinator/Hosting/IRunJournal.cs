using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>Where a run's state outlives its coordinator.</summary>
public interface IRunJournal
{
    /// <summary>The state is safe when the task has ended.</summary>
    Task WriteAsync(RunState state);
}
