using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// The samples that one worker reads: consecutive batches, each a range of positions in a stream that is divided into partitions and read
/// in stretches.
/// </summary>
internal interface ISampleStream
{
    /// <summary>The first batch.</summary>
    long FirstBatch { get; }

    /// <summary>The batch after the last.</summary>
    long LastBatch { get; }

    /// <summary>Upper limit of a batch's sample count.</summary>
    int MaxCount { get; }

    /// <summary>The partitions that occur in this worker's batches.</summary>
    IReadOnlyList<int> Partitions { get; }

    /// <summary>Start and count of a batch's positions; starts rise from batch to batch.</summary>
    (long Start, int Count) Slice(long batch);

    /// <summary>The partition of a position, and its offset in that partition's stream.</summary>
    (int Partition, long Offset) At(long position);

    /// <summary>The stretches of a partition from the first batch to the last, each with its first stream position.</summary>
    IEnumerable<(long Position, Stretch Stretch)> Stretches(int partition);

    /// <summary>The ranges of offsets in a stretch that belong to this worker's batches.</summary>
    IEnumerable<(long From, long To)> Held(Stretch stretch);
}
