using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Loop;

namespace ClipTrain.Trainer.Worker;

/// <summary>
/// Connects the training loop with the coordinator: what the loop tells goes out with the heartbeats, which go on for the
/// worker's whole life. Records of steps are kept on every rank until the coordinator has them, so that none is lost with
/// the rank that sends them.
/// </summary>
public sealed class WorkerControl : ITrainingControl, IAsyncDisposable
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly CoordinatorClient _client;
    private readonly string _incarnation;
    private readonly HeartbeatLoop _heartbeats;
    private readonly object _lock = new();
    private readonly RecordQueue _records = new();
    private readonly List<string> _warnings = [];
    private long _committedStep;
    private long _sendsUpTo = long.MaxValue;

    public WorkerControl(CoordinatorClient client, string incarnation, TimeSpan interval, TimeSpan loseAfter)
    {
        _client = client;
        _incarnation = incarnation;
        _heartbeats = HeartbeatLoop.Start(client, incarnation, interval, TakeProgress, Acknowledge, loseAfter);
    }

    /// <summary>Cancelled when nobody is left to report to.</summary>
    public CancellationToken CoordinatorLost => _heartbeats.CoordinatorLost;

    /// <summary>Why; null while the coordinator can be reached.</summary>
    public Exception? LossReason => _heartbeats.LossReason;

    /// <summary>The worker has a place in a generation; returns what is cancelled when that generation is over.</summary>
    public CancellationToken Enter(Assignment place)
    {
        lock (_lock)
        {
            // Of this generation's steps rank 0 tells; what is not recorded of those before may be known to no other rank.
            _sendsUpTo = place.Rank == 0 ? long.MaxValue : place.StartStep;
            _committedStep = place.StartStep;
            // Steps after this one are taken again and will be told again.
            _records.DropAfter(place.StartStep);
        }

        return _heartbeats.Enter(place.Generation);
    }

    /// <summary>The worker leaves its generation: what is not recorded yet is told now, before another generation is built on it.</summary>
    public Task LeaveAsync()
    {
        lock (_lock)
            _sendsUpTo = long.MaxValue;
        return FlushAsync();
    }

    /// <summary>A worker that has lost its coordinator stops at a checkpoint: nobody would take in another, or see it go on.</summary>
    public Directive TakeDirective() =>
        CoordinatorLost.IsCancellationRequested ? Directive.Stop
        : _heartbeats.TakeDirective() is var directive && directive <= Directive.Stop ? directive
        : Directive.Continue;

    public void StepCommitted(StepRecord record)
    {
        lock (_lock)
        {
            _committedStep = record.Metrics.Step;
            _records.Add(record);

            // Records must not fill the memory while nobody takes them; without a coordinator the worker stops by itself.
            while (!_records.HasRoom && !CoordinatorLost.IsCancellationRequested)
                Monitor.Wait(_lock, LookAgain);
        }
    }

    public IReadOnlyList<StepRecord> Unrecorded(long upToStep)
    {
        lock (_lock)
            return _records.UpTo(upToStep);
    }

    public void CheckpointWritten(long step, string directory)
    {
        // A run that goes on from it must have the records of the steps that it holds.
        FlushAsync().GetAwaiter().GetResult();
        _client.CheckpointWrittenAsync(_incarnation, step, directory).GetAwaiter().GetResult();
    }

    /// <summary>A sample could not be used.</summary>
    public void BadSample(BadSample sample) => Warn($"{sample}; skipped");

    /// <summary>Tells the coordinator's log.</summary>
    public void Warn(string warning)
    {
        lock (_lock)
            _warnings.Add(warning);
    }

    /// <summary>Sends what is pending now.</summary>
    public Task FlushAsync() => _heartbeats.FlushAsync();

    public ValueTask DisposeAsync() => _heartbeats.DisposeAsync();

    private WorkerProgress TakeProgress()
    {
        lock (_lock)
        {
            var progress = new WorkerProgress(_committedStep, _records.Batch(_sendsUpTo), [.. _warnings]);
            _warnings.Clear();
            return progress;
        }
    }

    private void Acknowledge(long recordedStep)
    {
        lock (_lock)
        {
            _records.Acknowledge(recordedStep);
            Monitor.PulseAll(_lock);
        }
    }
}
