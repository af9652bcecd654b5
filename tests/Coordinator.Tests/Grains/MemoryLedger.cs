using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A ledger that survives activations, fences off older ones and can fail on demand.</summary>
internal sealed class MemoryLedger
{
    private readonly Lock _lock = new();
    private readonly List<LedgerEntry> _entries = [];
    private long _term;

    public IReadOnlyList<LedgerEntry> Entries
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries];
            }
        }
    }

    public IEnumerable<long> Steps => Entries.Where(entry => entry.Step is not null).Select(entry => entry.Step!.Metrics.Step);

    public IEnumerable<GenerationRecord> Generations => Entries.Select(entry => entry.Generation).OfType<GenerationRecord>();

    /// <summary>Thrown by whoever writes.</summary>
    public Exception? Failure { get; set; }

    public IRunLedger Open(long term)
    {
        lock (_lock)
        {
            _term = term;
        }

        return new Segment(this, term);
    }

    public void Write(params IEnumerable<LedgerEntry> entries)
    {
        lock (_lock)
        {
            _entries.AddRange(entries);
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
        }
    }

    private sealed class Segment(MemoryLedger ledger, long term) : IRunLedger
    {
        public long RecordedStep =>
            ledger.Entries.Aggregate(0L, (step, entry) => entry.Step?.Metrics.Step ?? Math.Min(step, entry.Generation!.StartStep));

        public GenerationRecord? LastGeneration => ledger.Generations.LastOrDefault();

        public Task AppendAsync(IReadOnlyList<LedgerEntry> entries)
        {
            lock (ledger._lock)
            {
                if (ledger.Failure is { } failure || (failure = ledger._term == term ? null : new LedgerFencedException(term)) is not null)
                {
                    return Task.FromException(failure);
                }

                ledger._entries.AddRange(entries);
                return Task.CompletedTask;
            }
        }
    }
}
