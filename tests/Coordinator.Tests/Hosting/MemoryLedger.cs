using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>A ledger that can be made to fail.</summary>
internal sealed class MemoryLedger : IRunLedger
{
    public List<LedgerEntry> Entries { get; } = [];

    public IEnumerable<long> Steps => Entries.Where(entry => entry.Step is not null).Select(entry => entry.Step!.Metrics.Step);

    public Exception? Failure { get; set; }

    public long RecordedStep => Entries.Aggregate(0L, (step, entry) => entry.Step?.Metrics.Step ?? Math.Min(step, entry.Generation!.StartStep));

    public GenerationRecord? LastGeneration => Entries.LastOrDefault(entry => entry.Generation is not null)?.Generation;

    public Task AppendAsync(IReadOnlyList<LedgerEntry> entries)
    {
        if (Failure is not null)
        {
            return Task.FromException(Failure);
        }

        Entries.AddRange(entries);
        return Task.CompletedTask;
    }
}
