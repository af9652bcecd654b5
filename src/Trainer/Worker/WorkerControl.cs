using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Loop;

namespace ClipTrain.Trainer.Worker;

/// <summary>
/// Connects the training loop with the coordinator. Reports travel with the heartbeats, which continue for the worker's whole life.
/// Every rank keeps the records of steps until the coordinator has them, so that none is lost with the rank that sends them.
/// </summary>
public sealed class WorkerControl : ITrainingControl, IAsyncDisposable
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly CoordinatorClient _client;
    private readonly string _incarnation;
    private readonly HeartbeatLoop _heartbeats;
    private readonly object _lock = new();
    private readonly RecordQueue _records = new();
    private readonly SoundSteps _sound = new();
    private readonly List<string> _warnings = [];
    private long _committedStep;
    private long _sendsUpTo = long.MaxValue;

    public WorkerControl(CoordinatorClient client, string incarnation, TimeSpan interval, TimeSpan loseAfter)
    {
        _client = client;
        _incarnation = incarnation;
        _heartbeats = HeartbeatLoop.Start(client, incarnation, interval, TakeProgress, Acknowledge, loseAfter);
    }

    /// <summary>Cancelled when the coordinator cannot be reached any more.</summary>
    public CancellationToken CoordinatorLost => _heartbeats.CoordinatorLost;

    /// <summary>Reason for the loss of the coordinator; null while it can be reached.</summary>
    public Exception? LossReason => _heartbeats.LossReason;

    /// <summary>Enters a generation. Returns a token that is cancelled when the generation is over.</summary>
    public CancellationToken Enter(Assignment assignment)
    {
        lock (_lock)
        {
            // Rank 0 reports this generation's steps. Earlier unrecorded steps may be known to no other rank, so every rank reports
            // those.
            _sendsUpTo = assignment.Rank == 0 ? long.MaxValue : assignment.StartStep;
            _committedStep = assignment.StartStep;
            // Steps after the start step are taken and reported again.
            _records.DropAfter(assignment.StartStep);
            _sound.Enter(assignment.StartStep);
        }

        return _heartbeats.Enter(assignment.Generation);
    }

    /// <summary>Leaves the generation: flushes unrecorded steps before another generation starts from them.</summary>
    public Task LeaveAsync()
    {
        lock (_lock)
        {
            _sendsUpTo = long.MaxValue;
        }

        return FlushAsync();
    }

    /// <summary>
    /// The directive for this rank. A worker that has lost its coordinator stops at a checkpoint: nobody could admit another worker
    /// or record its progress.
    /// </summary>
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

            // Bound the memory of unsent records. Without a coordinator the worker stops by itself.
            while (!_records.HasRoom && !CoordinatorLost.IsCancellationRequested)
            {
                Monitor.Wait(_lock, LookAgain);
            }
        }
    }

    public IReadOnlyList<StepRecord> Unrecorded(long upToStep)
    {
        lock (_lock)
        {
            return _records.UpTo(upToStep);
        }
    }

    public long SoundStep
    {
        get
        {
            lock (_lock)
            {
                return _sound.Last;
            }
        }
    }

    public void CheckpointWritten(long step, string directory)
    {
        // A run resumed from this checkpoint needs the records of all steps in it.
        FlushAsync().GetAwaiter().GetResult();
        _client.CheckpointWrittenAsync(_incarnation, step, directory).GetAwaiter().GetResult();
    }

    /// <summary>Reports a sample that could not be used.</summary>
    public void BadSample(BadSample sample) => Warn($"{sample}; skipped");

    /// <summary>Sends a warning to the coordinator's log.</summary>
    public void Warn(string warning)
    {
        lock (_lock)
        {
            _warnings.Add(warning);
        }
    }

    /// <summary>Sends everything pending now.</summary>
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

    private void Acknowledge(HeartbeatAnswer answer)
    {
        lock (_lock)
        {
            _records.Acknowledge(answer.RecordedStep);
            _sound.Hear(answer);
            Monitor.PulseAll(_lock);
        }
    }
}
