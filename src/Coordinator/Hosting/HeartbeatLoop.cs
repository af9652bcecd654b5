using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>What a heartbeat carries. Metrics and warnings are those since the last call: the loop keeps them until they are delivered.</summary>
public sealed record WorkerProgress(long CommittedStep, IReadOnlyList<StepMetrics> Metrics, IReadOnlyList<string> Warnings);

/// <summary>Sends heartbeats in the background and holds the coordinator's latest directive.</summary>
public sealed class HeartbeatLoop : IAsyncDisposable
{
    private readonly CoordinatorClient _client;
    private readonly int _generation;
    private readonly TimeSpan _interval;
    private readonly TimeSpan _loseAfter;
    private readonly Func<WorkerProgress> _progress;
    private readonly CancellationTokenSource _closing = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly List<StepMetrics> _metrics = [];
    private readonly List<string> _warnings = [];
    private readonly Lock _lock = new();
    private readonly Task _loop;
    private Directive _latest = Directive.Continue;
    private int? _takenAt;
    private long? _failingSince;

    private HeartbeatLoop(CoordinatorClient client, int generation, TimeSpan interval, TimeSpan loseAfter, Func<WorkerProgress> progress)
    {
        _client = client;
        _generation = generation;
        _interval = interval;
        _loseAfter = loseAfter;
        _progress = progress;
        CoordinatorLost = _lost.Token;
        _loop = Task.Run(BeatAsync);
    }

    /// <summary>
    /// Cancelled when the coordinator refuses this worker or has not been reached for a bounded time. Nobody will tell this
    /// worker to end any more: it must exit by itself.
    /// </summary>
    public CancellationToken CoordinatorLost { get; }

    /// <summary>Why the coordinator counts as lost; null while it does not.</summary>
    public Exception? LossReason { get; private set; }

    /// <summary>Sends the first heartbeat at once and then one every interval.</summary>
    /// <param name="client">The connection.</param>
    /// <param name="generation">The generation of the worker's assignment.</param>
    /// <param name="interval">A small part of the lease, such as a tenth.</param>
    /// <param name="progress">Called for each heartbeat, never by two threads at once.</param>
    /// <param name="loseAfter">How long the coordinator may be out of reach; by default the client's <see cref="CoordinatorClient.RetryFor"/>.</param>
    public static HeartbeatLoop Start(CoordinatorClient client, int generation, TimeSpan interval, Func<WorkerProgress> progress, TimeSpan? loseAfter = null) =>
        new(client, generation, interval, loseAfter ?? client.RetryFor, progress);

    /// <summary>
    /// What to do now: the answer to the last heartbeat. Only a Checkpoint is handed out once a request, though the
    /// coordinator repeats it until the checkpoint is written.
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

    /// <summary>Delivers what is pending now, such as the metrics of the last step before the final report.</summary>
    /// <exception cref="CoordinatorLostException">It could not be delivered.</exception>
    /// <exception cref="CoordinatorRefusedException">The coordinator does not take it.</exception>
    public Task FlushAsync(CancellationToken cancellationToken = default) => SendAsync(_client.RetryFor, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _closing.Dispose();
        _lost.Dispose();
        _sending.Dispose();
    }

    private async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(_interval, _client.Time);
        try
        {
            do
            {
                await TrySendAsync();
            }
            while (LossReason is null && await timer.WaitForNextTickAsync(_closing.Token));
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // The worker has ended its part.
        }
    }

    private async Task TrySendAsync()
    {
        try
        {
            // The next heartbeat is the retry.
            await SendAsync(TimeSpan.Zero, _closing.Token);
            _failingSince = null;
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
    }

    private Task LoseAsync(Exception reason)
    {
        LossReason = reason;
        return _lost.CancelAsync();
    }

    private async Task SendAsync(TimeSpan retryFor, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken);
        try
        {
            var progress = _progress();
            _metrics.AddRange(progress.Metrics);
            _warnings.AddRange(progress.Warnings);
            var confirmed = _client.CheckpointsConfirmed;
            var directive = await _client.HeartbeatAsync(new Heartbeat(_client.WorkerId, _generation, progress.CommittedStep, [.. _metrics], [.. _warnings]), retryFor, cancellationToken);
            _metrics.Clear();
            _warnings.Clear();
            lock (_lock)
            {
                _latest = directive;
                // A request that outlives a written checkpoint is a new one.
                if (directive != Directive.Checkpoint || confirmed > _takenAt)
                {
                    _takenAt = null;
                }
            }
        }
        finally
        {
            _sending.Release();
        }
    }
}
