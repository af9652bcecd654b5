using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// What a heartbeat carries. Records are the oldest that the coordinator has not acknowledged: sent again until it has.
/// Warnings are those since the last call: the loop keeps them until they are delivered.
/// </summary>
public sealed record WorkerProgress(long CommittedStep, RecordBatch Records, IReadOnlyList<string> Warnings);

/// <summary>
/// Sends heartbeats in the background, from a worker's start to its end and through all generations, and holds the
/// coordinator's latest directive for the generation that the worker is in.
/// </summary>
public sealed class HeartbeatLoop : IWorkerObserver, IAsyncDisposable
{
    private readonly CoordinatorClient _client;
    private readonly string _incarnation;
    private readonly TimeSpan _interval;
    private readonly TimeSpan _loseAfter;
    private readonly Func<WorkerProgress> _progress;
    private readonly Action<long> _acknowledge;
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
        Action<long> acknowledge,
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
    /// Cancelled when the coordinator refuses this worker or has not been reached for a bounded time. Nobody will tell this
    /// worker to end any more: it must stop by itself.
    /// </summary>
    public CancellationToken CoordinatorLost { get; }

    /// <summary>Why the coordinator counts as lost; null while it does not.</summary>
    public Exception? LossReason { get; private set; }

    /// <summary>Sends the first heartbeat at once, as of a worker in no generation, and then one every interval.</summary>
    /// <param name="client">The connection.</param>
    /// <param name="incarnation">That of the worker's joins.</param>
    /// <param name="interval">A small part of the lease, such as a tenth.</param>
    /// <param name="progress">Called for each heartbeat, never by two threads at once.</param>
    /// <param name="acknowledge">Gets the last step whose record is safe, and which need not be told again.</param>
    /// <param name="loseAfter">How long the coordinator may be out of reach; by default the client's <see
    /// cref="CoordinatorClient.RetryFor"/>.</param>
    public static HeartbeatLoop Start(
        CoordinatorClient client,
        string incarnation,
        TimeSpan interval,
        Func<WorkerProgress> progress,
        Action<long> acknowledge,
        TimeSpan? loseAfter = null
    ) => new(client, incarnation, interval, progress, acknowledge, loseAfter ?? client.RetryFor);

    /// <summary>
    /// The worker has a place in a generation. Answers to heartbeats of an earlier one mean nothing from now on. Progress must be that of
    /// the new generation already.
    /// </summary>
    /// <returns>Cancelled when the generation is over for this worker, which then must give up the collective under way and join
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
    /// What to do now: the answer to the last heartbeat of the generation. Only a Checkpoint is handed out once a request,
    /// though the coordinator repeats it until the checkpoint is written.
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

    /// <summary>Delivers what is pending now, such as the record of the last step before the final report.</summary>
    /// <exception cref="CoordinatorLostException">It could not be delivered.</exception>
    /// <exception cref="CoordinatorRefusedException">The coordinator does not take it.</exception>
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

    /// <summary>The coordinator has news: the next heartbeat goes out at once.</summary>
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
            // The worker has ended its part.
        }
    }

    /// <summary>
    /// Each activation of the run has to be told anew where this process can be reached. A hint that is lost costs an interval.
    /// </summary>
    private void Attach()
    {
        if (_client.Epoch != _attachedTo)
        {
            _attachedTo = _client.Epoch;
            _ = _client.TryAttachAsync(this);
        }
    }

    /// <summary>True if the coordinator has taken all records of a full heartbeat, and more are waiting.</summary>
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
            // The generation first: one that is newer than the progress would be told of steps that it has not done.
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

            // A request that outlives a written checkpoint is a new one.
            if (answer.Directive != Directive.Checkpoint || confirmed > _takenAt)
            {
                _takenAt = null;
            }

            _acknowledge(answer.RecordedStep);
            broken = _broken;
        }

        // Whatever a worker of a generation that is over is told, it is told when it joins again.
        return answer.Directive >= Directive.Rejoin ? broken.CancelAsync() : Task.CompletedTask;
    }
}
