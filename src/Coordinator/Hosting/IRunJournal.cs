using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>Where a run's state outlives its coordinator.</summary>
public interface IRunJournal
{
    Task WriteAsync(RunState state);
}
