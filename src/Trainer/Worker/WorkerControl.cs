using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Training;

namespace ClipTrain.Trainer.Worker;

/// <summary>Connects the training loop with the coordinator: what the loop tells goes out with the heartbeats.</summary>
public sealed class WorkerControl(CoordinatorClient client, Assignment place) : ITrainingControl, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly List<StepMetrics> _metrics = [];
    private readonly List<string> _warnings = [];
    private long _committedStep;
    private HeartbeatLoop? _heartbeats;

    /// <summary>Cancelled when nobody is left to report to.</summary>
    public CancellationToken CoordinatorLost => _heartbeats?.CoordinatorLost ?? CancellationToken.None;

    /// <summary>Begins to send heartbeats.</summary>
    public void Start(TimeSpan interval) => _heartbeats = HeartbeatLoop.Start(client, place.Generation, interval, TakeProgress);

    public Directive TakeDirective() => _heartbeats?.TakeDirective() ?? Directive.Continue;

    public void StepCommitted(StepMetrics metrics)
    {
        lock (_lock)
        {
            _committedStep = metrics.Step;
            if (place.Rank == 0)
                _metrics.Add(metrics);
        }
    }

    public void CheckpointWritten(long step, string directory) => client.CheckpointWrittenAsync(step, directory).GetAwaiter().GetResult();

    /// <summary>A sample could not be used.</summary>
    public void BadSample(BadSample sample) => Warn($"{sample}; skipped");

    /// <summary>Sends what is pending now.</summary>
    public Task FlushAsync() => _heartbeats?.FlushAsync() ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _heartbeats?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Warn(string text)
    {
        lock (_lock)
            _warnings.Add(text);
    }

    private WorkerProgress TakeProgress()
    {
        lock (_lock)
        {
            var progress = new WorkerProgress(_committedStep, [.. _metrics], [.. _warnings]);
            _metrics.Clear();
            _warnings.Clear();
            return progress;
        }
    }
}
