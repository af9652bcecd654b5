namespace ClipTrain.Soak;

/// <summary>Times at which workers were last killed, frozen, disconnected or exited, and may have lost their state.</summary>
internal sealed class Touches(TimeProvider time)
{
    private readonly Dictionary<string, DateTimeOffset> _last = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public void Add(string worker)
    {
        lock (_lock)
        {
            _last[worker] = time.GetUtcNow();
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
