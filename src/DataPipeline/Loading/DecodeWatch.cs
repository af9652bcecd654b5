namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Checks a pipeline once a second: gives up decodes that take too long, and reports when the consumer waits for a batch. It counts its
/// own checks instead of wall-clock time, so a process that was suspended loses no time.
/// </summary>
internal sealed class DecodeWatch : IDisposable
{
    /// <summary>
    /// Wall-clock limit of a decode as a multiple of its processor-time limit: a decode that blocks for ever uses no processor time.
    /// </summary>
    private const int Patience = 10;

    private static readonly TimeSpan Often = TimeSpan.FromSeconds(1),
        LongWait = TimeSpan.FromSeconds(30);

    private readonly TimeSpan _limit,
        _interval,
        _longWait;
    private readonly Action<DecodeWatch> _look;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _awaited = -1;
    private int _looks,
        _nextWarning;
    private bool _disposed;

    /// <param name="limit">Processor time that one image may take.</param>
    /// <param name="time">Clock of the checks.</param>
    /// <param name="look">Called at each check, never concurrently and not after disposal.</param>
    public DecodeWatch(TimeSpan limit, TimeProvider time, Action<DecodeWatch> look)
    {
        (_limit, _look) = (limit, look);
        _interval = limit / 4 < Often ? limit / 4 : Often;
        _longWait = limit / 2 < LongWait ? limit / 2 : LongWait;
        _timer = time.CreateTimer(_ => Look(), state: null, _interval, _interval);
    }

    /// <summary>True if a job has taken too long. Call once per check.</summary>
    public bool IsOverdue(DecodeJob job) => ++job.Looks * _interval > Patience * _limit || job.Used > _limit;

    /// <summary>
    /// The waiting time of a batch when it is due to be reported: after half a minute, then each time it has doubled. Null otherwise.
    /// </summary>
    /// <param name="awaited">The batch that the consumer waits for; null if it is not waiting.</param>
    public TimeSpan? TimeToTell(long? awaited)
    {
        if (awaited is null || awaited != _awaited)
        {
            (_awaited, _looks, _nextWarning) = (awaited ?? -1, 0, Math.Max(1, (int)(_longWait / _interval)));
        }

        if (awaited is null || ++_looks < _nextWarning)
        {
            return null;
        }

        _nextWarning *= 2;
        return _looks * _interval;
    }

    /// <summary>Ends the watch after a check in progress.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            _disposed = true;
        }
    }

    private void Look()
    {
        // Skipped while another check is in progress.
        if (!_lock.TryEnter())
        {
            return;
        }

        try
        {
            if (!_disposed)
            {
                _look(this);
            }
        }
        finally
        {
            _lock.Exit();
        }
    }
}
