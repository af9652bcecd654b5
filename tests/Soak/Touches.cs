namespace ClipTrain.Soak;

/// <summary>When which worker was last killed, frozen, cut off, or ended: what it held in memory may not have been there since.</summary>
internal sealed class Touches(TimeProvider time)
{
    private readonly Dictionary<string, DateTimeOffset> _last = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public void Add(string worker)
    {
        lock (_lock)
            _last[worker] = time.GetUtcNow();
    }

    /// <summary>Whether each of these workers was touched after a time, so that the state that they had may be lost.</summary>
    public bool AllSince(DateTimeOffset since, IEnumerable<string> workers)
    {
        lock (_lock)
            return workers.All(worker => _last.TryGetValue(worker, out var last) && last >= since);
    }
}
