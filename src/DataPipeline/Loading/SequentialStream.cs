using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>One worker's contiguous part of a corpus, in corpus order: a single partition whose stretches are the row groups.</summary>
internal sealed class SequentialStream : ISampleStream
{
    private readonly CorpusManifest _manifest;
    private readonly long _start,
        _end;

    public SequentialStream(CorpusManifest manifest, SequentialLoaderOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Batch, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Rank, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(options.Rank, options.WorldSize, nameof(options));
        _manifest = manifest;
        var (first, end) = options.Samples ?? (0, manifest.SampleCount);
        _start = first + ((end - first) * options.Rank / options.WorldSize);
        _end = first + ((end - first) * (options.Rank + 1) / options.WorldSize);
        MaxCount = options.Batch;
    }

    public long FirstBatch => 0;

    public long LastBatch => (_end - _start + MaxCount - 1) / MaxCount;

    public int MaxCount { get; }

    public IReadOnlyList<int> Partitions { get; } = [0];

    public (long Start, int Count) Slice(long batch)
    {
        var start = _start + (batch * MaxCount);
        return (start, (int)Math.Min(MaxCount, _end - start));
    }

    public (int Partition, long Offset) At(long position) => (0, position);

    public IEnumerable<(long Position, Stretch Stretch)> Stretches(int partition)
    {
        var position = _start;
        while (position < _end)
        {
            var number = _manifest.RowGroupOf(position);
            var rowGroup = _manifest.RowGroups[number];
            var samples = new long[rowGroup.Samples];
            for (var row = 0; row < samples.Length; row++)
            {
                samples[row] = rowGroup.FirstIndex + row;
            }

            var stretch = new Stretch(partition, Epoch: 0, rowGroup.FirstIndex, number, samples);
            yield return (position, stretch);
            position = stretch.End;
        }
    }

    public IEnumerable<(long From, long To)> Held(Stretch stretch) => [(Math.Max(_start, stretch.Start), Math.Min(_end, stretch.End))];
}
