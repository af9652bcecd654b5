using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// The content of a heartbeat. Records are the oldest unacknowledged ones, sent until the coordinator acknowledges them. Warnings are
/// those since the last call; the loop keeps them until they are delivered.
/// </summary>
public sealed record WorkerProgress(long CommittedStep, RecordBatch Records, IReadOnlyList<string> Warnings);

/// <summary>
/// Sends heartbeats in the background throughout a worker's life, and holds the coordinator's latest directive for the worker's generation.
/// </summary>
public sealed class HeartbeatLoop : IWorkerObserver, IAsyncDisposable
{
    private readonly CoordinatorClient _client;
    private readonly string _incarnation;
    private readonly TimeSpan _interval;
    private readonly TimeSpan _loseAfter;
    private readonly Func<WorkerProgress> _progress;
    private readonly Action<HeartbeatAnswer> _acknowledge;
    private readonly CancellationTokenSource _closing = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly List<string> _warnings = [];
    private readonly Lock _lock = new();
    private readonly Task _loop;
    private CancellationTokenSource _broken = new();
    private int _generation;
    private Directive _latest = Directive.Continue;
    private TaskCompletionSource _hint = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int? _takenAt;
    private long? _failingSince;
    private long _attachedTo;

    private HeartbeatLoop(
        CoordinatorClient client,
        string incarnation,
        TimeSpan interval,
        Func<WorkerProgress> progress,
        Action<HeartbeatAnswer> acknowledge,
        TimeSpan loseAfter
    )
    {
        _client = client;
        _incarnation = incarnation;
        _interval = interval;
        _progress = progress;
        _acknowledge = acknowledge;
        _loseAfter = loseAfter;
        CoordinatorLost = _lost.Token;
        _loop = Task.Run(BeatAsync);
    }

    /// <summary>
    /// Cancelled when the coordinator refuses this worker or cannot be reached for too long. The worker must then stop on its own.
    /// </summary>
    public CancellationToken CoordinatorLost { get; }

    /// <summary>The reason why the coordinator counts as lost; null while it does not.</summary>
    public Exception? LossReason { get; private set; }

    /// <summary>Starts the loop: sends a heartbeat without a generation at once, and then one every interval.</summary>
    /// <param name="client">The connection.</param>
    /// <param name="incarnation">The worker's incarnation, as in its joins.</param>
    /// <param name="interval">A small fraction of the lease, such as a tenth.</param>
    /// <param name="progress">Called for each heartbeat, by one thread at a time.</param>
    /// <param name="acknowledge">
    /// Receives the answers of the generation. Records up to their step are stored and need not be sent again.
    /// </param>
    /// <param name="loseAfter">Maximum time without contact to the coordinator; by default the client's <see
    /// cref="CoordinatorClient.RetryFor"/>.</param>
    public static HeartbeatLoop Start(
        CoordinatorClient client,
        string incarnation,
        TimeSpan interval,
        Func<WorkerProgress> progress,
        Action<HeartbeatAnswer> acknowledge,
        TimeSpan? loseAfter = null
    ) => new(client, incarnation, interval, progress, acknowledge, loseAfter ?? client.RetryFor);

    /// <summary>
    /// Enters a generation, after which answers to heartbeats of earlier ones are ignored. The progress callback must already reflect
    /// the new generation.
    /// </summary>
    /// <returns>Cancelled when the generation is over for this worker, which must then abandon the collective in progress and join
    /// again.</returns>
    public CancellationToken Enter(int generation)
    {
        lock (_lock)
        {
            _generation = generation;
            _latest = Directive.Continue;
            _takenAt = null;
            _broken = new CancellationTokenSource();
            return _broken.Token;
        }
    }

    /// <summary>
    /// The directive in the last answer of the generation. Checkpoint is returned once per request, although the coordinator repeats it
    /// until the checkpoint is written.
    /// </summary>
    public Directive TakeDirective()
    {
        lock (_lock)
        {
            if (_latest != Directive.Checkpoint)
            {
                return _latest;
            }

            if (_takenAt is not null)
            {
                return Directive.Continue;
            }

            _takenAt = _client.CheckpointsConfirmed;
            return Directive.Checkpoint;
        }
    }

    /// <summary>Delivers pending records now, such as that of the last step before the final report.</summary>
    /// <exception cref="CoordinatorLostException">The coordinator could not be reached.</exception>
    /// <exception cref="CoordinatorRefusedException">The coordinator refuses the heartbeat.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        while (await SendAsync(_client.RetryFor, cancellationToken)) { }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _closing.Dispose();
        _lost.Dispose();
        _sending.Dispose();
    }

    /// <summary>Sends the next heartbeat at once, because the coordinator has news.</summary>
    Task IWorkerObserver.BeatNowAsync()
    {
        Volatile.Read(ref _hint).TrySetResult();
        return Task.CompletedTask;
    }

    private async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(_interval, _client.Time);
        try
        {
            var tick = timer.WaitForNextTickAsync(_closing.Token).AsTask();
            while (LossReason is null)
            {
                var hint = _hint = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var isMoreWelcome = await TrySendAsync();
                Attach();
                if (isMoreWelcome)
                {
                    continue;
                }

                if (await Task.WhenAny(tick, hint.Task) == tick)
                {
                    await tick;
                    tick = timer.WaitForNextTickAsync(_closing.Token).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // The loop is being disposed.
        }
    }

    /// <summary>Registers this process with each new activation of the run. A lost registration costs one interval.</summary>
    private void Attach()
    {
        if (_client.Term != _attachedTo)
        {
            _attachedTo = _client.Term;
            _ = _client.TryAttachAsync(this);
        }
    }

    /// <summary>Sends a heartbeat. True if the coordinator accepted all of its records and more are waiting.</summary>
    private async Task<bool> TrySendAsync()
    {
        try
        {
            // The next heartbeat is the retry.
            var isMoreWelcome = await SendAsync(TimeSpan.Zero, _closing.Token);
            _failingSince = null;
            return isMoreWelcome;
        }
        catch (CoordinatorLostException error)
        {
            _failingSince ??= _client.Time.GetTimestamp();
            if (_client.Time.GetElapsedTime(_failingSince.Value) >= _loseAfter)
            {
                await LoseAsync(error);
            }
        }
        catch (Exception error) when (error is not OperationCanceledException || !_closing.IsCancellationRequested)
        {
            await LoseAsync(error);
        }

        return false;
    }

    private Task LoseAsync(Exception reason)
    {
        LossReason = reason;
        return _lost.CancelAsync();
    }

    private async Task<bool> SendAsync(TimeSpan retryFor, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken);
        try
        {
            // Read the generation before the progress: a newer generation must not be credited with steps of the previous one.
            var generation = Volatile.Read(ref _generation);
            var progress = _progress();
            _warnings.AddRange(progress.Warnings);
            var confirmed = _client.CheckpointsConfirmed;
            var heartbeat = new Heartbeat(
                _client.WorkerId,
                _incarnation,
                generation,
                progress.CommittedStep,
                progress.Records.Records,
                [.. _warnings]
            )
            {
                HasMoreRecords = progress.Records.HasMore,
            };
            var answer = await _client.HeartbeatAsync(heartbeat, retryFor, cancellationToken);
            _warnings.Clear();
            await TakeAsync(answer, confirmed);
            return answer.WantsMoreRecords;
        }
        finally
        {
            _sending.Release();
        }
    }

    private Task TakeAsync(HeartbeatAnswer answer, int confirmed)
    {
        CancellationTokenSource broken;
        lock (_lock)
        {
            if (answer.Generation != _generation)
            {
                return Task.CompletedTask;
            }

            _latest = answer.Directive;

            // A request that persists after a checkpoint was written is a new one.
            if (answer.Directive != Directive.Checkpoint || confirmed > _takenAt)
            {
                _takenAt = null;
            }

            _acknowledge(answer);
            broken = _broken;
        }

        // The worker receives any other directive when it joins again.
        return answer.Directive >= Directive.Rejoin ? broken.CancelAsync() : Task.CompletedTask;
    }
}
