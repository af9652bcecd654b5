using System.Collections.Concurrent;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Records events and lets a test wait for them.</summary>
internal sealed class RecordingObserver : IRunObserver
{
    private readonly Lock _lock = new();
    private readonly List<(Func<bool> Condition, TaskCompletionSource Met)> _waits = [];

    public ConcurrentQueue<RunState> States { get; } = [];

    public ConcurrentQueue<StepMetrics> Metrics { get; } = [];

    public ConcurrentQueue<string> Warnings { get; } = [];

    public ConcurrentQueue<WorkerLine> Lines { get; } = [];

    public Task WhenAsync(Func<bool> condition)
    {
        lock (_lock)
        {
            if (condition())
            {
                return Task.CompletedTask;
            }

            var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((condition, met));
            return met.Task;
        }
    }

    public void OnStatus(RunState state) => Record(() => States.Enqueue(state));

    public void OnSteps(IReadOnlyList<StepRecord> steps) =>
        Record(() =>
        {
            foreach (var step in steps)
            {
                Metrics.Enqueue(step.Metrics);
            }
        });

    public void OnWarning(string text) => Record(() => Warnings.Enqueue(text));

    public void OnWorkerLine(WorkerLine line) => Record(() => Lines.Enqueue(line));

    private void Record(Action add)
    {
        lock (_lock)
        {
            add();
            foreach (var wait in _waits.Where(wait => wait.Condition()).ToList())
            {
                _waits.Remove(wait);
                wait.Met.SetResult();
            }
        }
    }
}
