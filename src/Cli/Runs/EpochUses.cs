using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Cli.Runs;

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
