using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Which samples one worker reads: consecutive batches, each a range of positions in a stream that is dealt out to
/// partitions, each read in stretches.
/// </summary>
internal interface ISampleStream
{
    /// <summary>The first batch.</summary>
    long FirstBatch { get; }

    /// <summary>The batch after the last.</summary>
    long LastBatch { get; }

    /// <summary>The most samples of a batch.</summary>
    int MaxCount { get; }

    /// <summary>The partitions that this worker's batches have samples of.</summary>
    IReadOnlyList<int> Partitions { get; }

    /// <summary>The positions of a batch; they rise from batch to batch.</summary>
    (long Start, int Count) Slice(long batch);

    /// <summary>The partition that a position is dealt to, and its place in that partition's stream.</summary>
    (int Partition, long Place) At(long position);

    /// <summary>The stretches of a partition from the first batch to the last, each with its first position in the stream.</summary>
    IEnumerable<(long Position, Stretch Stretch)> Stretches(int partition);

    /// <summary>The ranges of places of a stretch that are in this worker's batches.</summary>
    IEnumerable<(long From, long To)> Held(Stretch stretch);
}
