using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>Audit of one epoch of a corpus, up to the point that the run has reached.</summary>
/// <param name="Corpus">Index of the corpus in the mixture.</param>
/// <param name="Samples">Samples of the epoch that the run has reached.</param>
/// <param name="Once">Samples consumed by exactly one committed step.</param>
/// <param name="Duplicates">Additional uses of samples by further committed steps.</param>
/// <param name="Missing">Samples consumed by no committed step.</param>
public sealed record EpochAudit(int Corpus, long Epoch, long Samples, long Once, long Duplicates, long Missing);

/// <summary>Result of auditing a run's ledger.</summary>
/// <param name="Steps">Committed steps.</param>
/// <param name="UndoneSteps">Committed steps that were lost with all replicas and repeated from a checkpoint.</param>
/// <param name="BadSamples">Unusable samples in committed steps.</param>
/// <param name="Faults">Descriptions of all contradictions; empty if every sample was consumed exactly once per epoch
/// of its corpus.</param>
public sealed record AuditReport(
    long Steps,
    long UndoneSteps,
    long BadSamples,
    IReadOnlyList<GenerationRecord> Generations,
    IReadOnlyList<EpochAudit> Epochs,
    IReadOnlyList<string> Faults
);

/// <summary>Use of one sample in a committed step.</summary>
/// <param name="Step">The step, from 1.</param>
public readonly record struct SampleUse(SampleRef Sample, long Step, int Rank);

/// <summary>
/// Comparison of a run's ledger with its sample order: for each committed step, the samples that each rank reports
/// against those that the order assigns to it. Ranks report a digest of their samples, so a match proves their identity
/// and not only their number.
/// </summary>
/// <param name="order">The order of the run's samples.</param>
/// <param name="shards">Sharding of the run's corpus; null to skip the check of the coordinator's shards.</param>
public sealed class SampleAudit(SampleOrder order, ShardPlan? shards = null)
{
    private const int MostFaults = 100;

    private readonly SortedDictionary<long, StepRecord> _steps = [];
    private readonly List<GenerationRecord> _generations = [];
    private readonly List<string> _faults = [];
    private long _undone;

    /// <summary>Audits the entries of a ledger.</summary>
    /// <param name="entries">Entries in the order in which they were written.</param>
    /// <param name="onUse">Receives each sample that was provably read, in the order of steps and ranks.</param>
    public AuditReport Run(IEnumerable<LedgerEntry> entries, Action<SampleUse>? onUse = null)
    {
        foreach (var entry in entries)
        {
            if (entry.Generation is { } generation)
            {
                Begin(generation);
            }
            else if (entry.Step is { } step && !_steps.TryAdd(step.Metrics.Step, step))
            {
                Fault($"step {step.Metrics.Step} is recorded twice");
            }
        }

        var uses = new EpochUses(order);
        long next = 1,
            bad = 0;
        foreach (var (step, record) in _steps)
        {
            if (step != next)
            {
                Fault(step == next + 1 ? $"step {next} is not recorded" : $"steps {next} to {step - 1} are not recorded");
            }

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

    /// <summary>Starts a generation, which undoes all later steps.</summary>
    private void Begin(GenerationRecord generation)
    {
        _generations.Add(generation);
        if (shards is not null && generation.Shards is { } dealt)
        {
            CheckShards(generation, dealt);
        }

        foreach (var step in _steps.Keys.Where(step => step > generation.StartStep).ToList())
        {
            _steps.Remove(step);
            _undone++;
        }
    }

    /// <summary>Checks that the coordinator's shards are those of the sample order.</summary>
    private void CheckShards(GenerationRecord generation, IReadOnlyList<ulong> dealt)
    {
        var expected = shards!.Of(generation.Workers.Count, generation.StartStep);
        for (var rank = 0; rank < expected.Count; rank++)
        {
            if (rank >= dealt.Count || dealt[rank] != expected[rank].Digest())
            {
                Fault(
                    $"generation {generation.Generation}, rank {rank} of {expected.Count} ({generation.Workers[rank]}): its shard is not "
                        + "the one in the sample order"
                );
            }
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
            {
                Fault($"step {step}, rank {rank} of {world}: read {share.Samples} samples, its slice has {count}");
            }
            else if (share.Digest != SampleDigest.Of(slice))
            {
                Fault($"step {step}, rank {rank} of {world}: its {count} samples are not those of the sample order");
            }
            else
            {
                foreach (var sample in slice)
                {
                    use(sample, rank);
                }
            }
        }
    }

    private void Fault(string text)
    {
        if (_faults.Count < MostFaults)
        {
            _faults.Add(text);
        }
        else if (_faults.Count == MostFaults)
        {
            _faults.Add("and more");
        }
    }
}

/// <summary>Counts of sample uses per epoch of each corpus.</summary>
internal sealed class EpochUses(SampleOrder order)
{
    private readonly Dictionary<(int Corpus, long Epoch), (SampleSet Used, long Duplicates)> _epochs = [];

    public void Add(SampleRef sample)
    {
        var corpus = order.CorpusOf(sample.Index);
        var (first, count) = order.SamplesOf(corpus);
        if (!_epochs.TryGetValue((corpus, sample.Epoch), out var epoch))
        {
            epoch = (new SampleSet(count), 0);
        }

        var isNew = epoch.Used.Add(sample.Index - first);
        _epochs[(corpus, sample.Epoch)] = (epoch.Used, epoch.Duplicates + (isNew ? 0 : 1));
    }

    /// <summary>Returns an audit of each epoch that the first <paramref name="positions"/> positions of the stream reach.</summary>
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

/// <summary>Set of samples of a corpus, with one bit per sample.</summary>
internal sealed class SampleSet(long samples)
{
    private readonly ulong[] _bits = new ulong[(samples + 63) / 64];

    public long Count { get; private set; }

    /// <summary>Adds a sample. Returns false if it is already in the set.</summary>
    public bool Add(long sample)
    {
        ref var word = ref _bits[sample >> 6];
        var bit = 1UL << (int)(sample & 63);
        if ((word & bit) != 0)
        {
            return false;
        }

        word |= bit;
        Count++;
        return true;
    }
}
