using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>One epoch of a corpus as far as the run has read it.</summary>
/// <param name="Corpus">Number of the corpus in the mixture.</param>
/// <param name="Samples">Samples that the corpus's stream has reached.</param>
/// <param name="Once">Those that one committed step holds.</param>
/// <param name="Duplicates">Those that more than one does.</param>
/// <param name="Missing">Those that none does.</param>
public sealed record EpochAudit(int Corpus, long Epoch, long Samples, long Once, long Duplicates, long Missing);

/// <summary>What a run's ledger proves.</summary>
/// <param name="Steps">Committed steps.</param>
/// <param name="UndoneSteps">Steps that were committed, lost with every replica, and done again from a checkpoint.</param>
/// <param name="BadSamples">Samples of committed steps that could not be used.</param>
/// <param name="Faults">Every contradiction, in words; empty when each sample was consumed exactly once in each epoch of its corpus.</param>
public sealed record AuditReport(
    long Steps,
    long UndoneSteps,
    long BadSamples,
    IReadOnlyList<GenerationRecord> Generations,
    IReadOnlyList<EpochAudit> Epochs,
    IReadOnlyList<string> Faults
);

/// <summary>One sample of a committed step.</summary>
/// <param name="Step">The step, from 1.</param>
public readonly record struct SampleUse(SampleRef Sample, long Step, int Rank);

/// <summary>Compares a run's ledger with the order of its samples: which rank says to have read what in each committed step, against what the order gives it. Ranks tell a digest of what they read, so a match proves the samples and not only their number.</summary>
/// <param name="order">The order of the run's samples.</param>
/// <param name="shards">How the run's corpus is sharded; null to leave the coordinator's shards unchecked.</param>
public sealed class SampleAudit(SampleOrder order, ShardPlan? shards = null)
{
    private const int MostFaults = 100;

    private readonly SortedDictionary<long, StepRecord> _steps = [];
    private readonly List<GenerationRecord> _generations = [];
    private readonly List<string> _faults = [];
    private long _undone;

    /// <summary>Audits the entries of a ledger.</summary>
    /// <param name="entries">In the order in which they were written.</param>
    /// <param name="onUse">Gets each sample that is proved to have been read, in the order of steps and ranks.</param>
    public AuditReport Run(IEnumerable<LedgerEntry> entries, Action<SampleUse>? onUse = null)
    {
        foreach (var entry in entries)
        {
            if (entry.Generation is { } generation)
                Begin(generation);
            else if (entry.Step is { } step && !_steps.TryAdd(step.Metrics.Step, step))
                Fault($"step {step.Metrics.Step} is recorded twice");
        }

        var uses = new EpochUses(order);
        long next = 1,
            bad = 0;
        foreach (var (step, record) in _steps)
        {
            if (step != next)
                Fault(step == next + 1 ? $"step {next} is not recorded" : $"steps {next} to {step - 1} are not recorded");
            next = step + 1;
            var batch = order.GlobalBatch(step - 1);
            bad += record.Shares.Sum(share => share.BadSamples);
            Check(
                step,
                record,
                batch,
                (sample, rank) =>
                {
                    uses.Add(sample);
                    onUse?.Invoke(new SampleUse(sample, step, rank));
                }
            );
        }

        return new AuditReport(
            _steps.Count,
            _undone,
            bad,
            _generations,
            [.. uses.Reached((next - 1) * order.Schedule.GlobalBatch)],
            _faults
        );
    }

    /// <summary>A generation that starts from an earlier step undoes the steps behind it.</summary>
    private void Begin(GenerationRecord generation)
    {
        _generations.Add(generation);
        if (shards is not null && generation.Shards is { } dealt)
            CheckShards(generation, dealt);
        foreach (var step in _steps.Keys.Where(step => step > generation.StartStep).ToList())
        {
            _steps.Remove(step);
            _undone++;
        }
    }

    /// <summary>What the coordinator gave each rank to read must be what the order gives it.</summary>
    private void CheckShards(GenerationRecord generation, IReadOnlyList<ulong> dealt)
    {
        var expected = shards!.Of(generation.Workers.Count, generation.StartStep);
        for (var rank = 0; rank < expected.Count; rank++)
        {
            if (rank >= dealt.Count || dealt[rank] != expected[rank].Digest())
                Fault(
                    $"generation {generation.Generation}, rank {rank} of {expected.Count} ({generation.Workers[rank]}): its shard is not "
                        + "the one that the order gives it"
                );
        }
    }

    private void Check(long step, StepRecord record, SampleRef[] batch, Action<SampleRef, int> use)
    {
        var world = record.Shares.Count;
        for (var rank = 0; rank < world; rank++)
        {
            var (start, count) = SampleOrder.LocalSlice(batch.Length, rank, world);
            var slice = batch.AsSpan(start, count);
            var share = record.Shares[rank];
            if (share.Samples != count)
                Fault($"step {step}, rank {rank} of {world}: read {share.Samples} samples, its slice has {count}");
            else if (share.Digest != SampleDigest.Of(slice))
                Fault($"step {step}, rank {rank} of {world}: its {count} samples are not those that the order gives it");
            else
                foreach (var sample in slice)
                    use(sample, rank);
        }
    }

    private void Fault(string text)
    {
        if (_faults.Count < MostFaults)
            _faults.Add(text);
        else if (_faults.Count == MostFaults)
            _faults.Add("and more");
    }
}

/// <summary>How often each sample was used in each epoch of its corpus.</summary>
internal sealed class EpochUses(SampleOrder order)
{
    private readonly Dictionary<(int Corpus, long Epoch), (SampleSet Used, long Duplicates)> _epochs = [];

    public void Add(SampleRef sample)
    {
        var corpus = order.CorpusOf(sample.Index);
        var (first, count) = order.SamplesOf(corpus);
        if (!_epochs.TryGetValue((corpus, sample.Epoch), out var epoch))
            epoch = (new SampleSet(count), 0);
        var isNew = epoch.Used.Add(sample.Index - first);
        _epochs[(corpus, sample.Epoch)] = (epoch.Used, epoch.Duplicates + (isNew ? 0 : 1));
    }

    /// <summary>Every epoch of every corpus that the first positions of the stream reach.</summary>
    public IEnumerable<EpochAudit> Reached(long positions)
    {
        for (var corpus = 0; corpus < order.Schedule.Corpora; corpus++)
        {
            var (_, count) = order.SamplesOf(corpus);
            var ofCorpus = order.Schedule.CountOfCorpus(corpus, positions);
            for (long number = 0; number * count < ofCorpus; number++)
            {
                var reached = Math.Min(count, ofCorpus - (number * count));
                var (used, duplicates) = _epochs.TryGetValue((corpus, number), out var epoch)
                    ? (epoch.Used.Count, epoch.Duplicates)
                    : (0, 0);
                yield return new EpochAudit(corpus, number, reached, used - duplicates, duplicates, reached - used);
            }
        }
    }
}

/// <summary>Which of a corpus' samples were met, a bit a sample.</summary>
internal sealed class SampleSet(long samples)
{
    private readonly ulong[] _bits = new ulong[(samples + 63) / 64];

    public long Count { get; private set; }

    /// <summary>Whether the sample was not in the set.</summary>
    public bool Add(long sample)
    {
        ref var word = ref _bits[sample >> 6];
        var bit = 1UL << (int)(sample & 63);
        if ((word & bit) != 0)
            return false;
        word |= bit;
        Count++;
        return true;
    }
}
