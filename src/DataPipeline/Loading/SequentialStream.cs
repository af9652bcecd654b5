using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>One worker's contiguous part of a corpus, in the corpus's order; a window is one group of rows.</summary>
internal sealed class SequentialStream : ISampleStream
{
    private readonly CorpusManifest _manifest;

    public SequentialStream(CorpusManifest manifest, SequentialLoaderOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Batch, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Rank, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(options.Rank, options.WorldSize, nameof(options));
        _manifest = manifest;
        var (first, end) = options.Samples ?? (0, manifest.SampleCount);
        Start = first + ((end - first) * options.Rank / options.WorldSize);
        End = first + ((end - first) * (options.Rank + 1) / options.WorldSize);
        MaxCount = options.Batch;
    }

    public long FirstBatch => 0;

    public long LastBatch => (End - Start + MaxCount - 1) / MaxCount;

    public int MaxCount { get; }

    public long Start { get; }

    public long End { get; }

    public MixtureSchedule Schedule => MixtureSchedule.Single;

    public (long Start, int Count) Slice(long batch)
    {
        var start = Start + (batch * MaxCount);
        return (start, (int)Math.Min(MaxCount, End - start));
    }

    public bool Holds(long position) => position >= Start && position < End;

    public StreamWindow Window(int corpus, long position)
    {
        var number = _manifest.GroupOf(position);
        var group = _manifest.Groups[number];
        var samples = new long[group.Samples];
        for (var row = 0; row < samples.Length; row++)
            samples[row] = group.FirstIndex + row;
        return new StreamWindow(Epoch: 0, group.FirstIndex, [number], samples);
    }
}
