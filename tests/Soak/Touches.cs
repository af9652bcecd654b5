namespace ClipTrain.Soak;

/// <summary>Times at which workers were last killed, frozen, disconnected or exited, and may have lost their state.</summary>
internal sealed class Touches(TimeProvider time)
{
    private readonly Dictionary<string, DateTimeOffset> _last = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private DateTimeOffset _frozen = DateTimeOffset.MaxValue,
        _thawed = DateTimeOffset.MinValue;

    public void Add(string worker)
    {
        lock (_lock)
        {
            _last[worker] = time.GetUtcNow();
        }
    }

    /// <summary>Notes that the coordinator answered nothing since a time, and answers again now.</summary>
    public void AddCoordinatorSilence(DateTimeOffset since)
    {
        lock (_lock)
        {
            (_frozen, _thawed) = (since, time.GetUtcNow());
        }
    }

    /// <summary>
    /// Time until which the coordinator has been told of everything, if workers need this long to tell it before they are hit.
    /// </summary>
    public DateTimeOffset ToldUntil(TimeSpan needed)
    {
        lock (_lock)
        {
            var until = _last.Values.DefaultIfEmpty(time.GetUtcNow()).Max() - needed;
            return until < _thawed && until > _frozen - needed ? _frozen - needed : until;
        }
    }

    /// <summary>True if each of these workers was hit after the given time, so their state may be lost.</summary>
    public bool AllSince(DateTimeOffset since, IEnumerable<string> workers)
    {
        lock (_lock)
        {
            return workers.All(worker => _last.TryGetValue(worker, out var last) && last >= since);
        }
    }
}
