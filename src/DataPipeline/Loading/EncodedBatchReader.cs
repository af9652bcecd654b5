using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Reads the encoded pairs of a worker's share of a global batch. Used by one thread at a time.</summary>
internal sealed class EncodedBatchReader(CorpusManifest manifest, SampleOrder order, TrainingLoaderOptions options) : IDisposable
{
    private readonly SampleRef[] _batch = new SampleRef[options.GlobalBatch];
    private readonly RowGroupCache _cache = new(new CorpusReader(manifest), order.WindowGroups * 2);

    public IReadOnlyList<EncodedPair> Read(long step)
    {
        order.GlobalBatch(step, _batch);
        var (start, count) = SampleOrder.LocalSlice(options.GlobalBatch, options.Rank, options.WorldSize);
        var pairs = new EncodedPair[count];
        for (var i = 0; i < count; i++)
        {
            var sample = _batch[start + i];
            var (group, row) = order.Locate(sample.Index);
            var data = _cache.Get(group);
            pairs[i] = new EncodedPair(sample, data.Image(row).ToArray(), data.Caption(row));
        }

        return pairs;
    }

    public void Dispose() => _cache.Dispose();
}
