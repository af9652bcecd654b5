namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Looks at a pipeline once a second: gives up decodes that take too long, and tells when a batch lets its consumer wait. It
/// counts its own looks in place of the time, so a process that was stopped for a while has lost none.
/// </summary>
internal sealed class DecodeWatch : IDisposable
{
    /// <summary>So many times its processor time may a decode take by the looks, as one that waits for ever uses none.</summary>
    private const int Patience = 10;

    private static readonly TimeSpan Often = TimeSpan.FromSeconds(1),
        LongWait = TimeSpan.FromSeconds(30);

    private readonly TimeSpan _limit,
        _interval,
        _longWait;
    private readonly Action<DecodeWatch> _look;
    private readonly Timer _timer;
    private readonly Lock _lock = new();
    private long _awaited = -1;
    private int _looks,
        _nextWarning;
    private bool _disposed;

    /// <param name="limit">Processor time that one image may take.</param>
    /// <param name="look">Called at each look, never twice at once and not after disposal.</param>
    public DecodeWatch(TimeSpan limit, Action<DecodeWatch> look)
    {
        (_limit, _look) = (limit, look);
        _interval = limit / 4 < Often ? limit / 4 : Often;
        _longWait = limit / 2 < LongWait ? limit / 2 : LongWait;
        _timer = new Timer(_ => Look(), state: null, _interval, _interval);
    }

    /// <summary>Whether a job has taken too long. To be asked once a look.</summary>
    public bool IsOverdue(DecodeJob job) => ++job.Looks * _interval > Patience * _limit || job.Used > _limit;

    /// <summary>
    /// For how long a batch has been awaited, when it is time to tell: at first after half a minute, then each time that has doubled.
    /// </summary>
    /// <param name="awaited">The batch that the consumer waits for; null when it waits for none.</param>
    public TimeSpan? TimeToTell(long? awaited)
    {
        if (awaited is null || awaited != _awaited)
            (_awaited, _looks, _nextWarning) = (awaited ?? -1, 0, Math.Max(1, (int)(_longWait / _interval)));
        if (awaited is null || ++_looks < _nextWarning)
            return null;
        _nextWarning *= 2;
        return _looks * _interval;
    }

    /// <summary>Ends the watch; a look under way ends first.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
            _disposed = true;
    }

    private void Look()
    {
        // Looks that come while one is under way are left out.
        if (!_lock.TryEnter())
            return;
        try
        {
            if (!_disposed)
                _look(this);
        }
        finally
        {
            _lock.Exit();
        }
    }
}
