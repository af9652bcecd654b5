using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Which samples one worker reads: consecutive batches, each a range of positions in a stream of windows.</summary>
internal interface ISampleStream
{
    /// <summary>The first batch.</summary>
    long FirstBatch { get; }

    /// <summary>The batch after the last.</summary>
    long LastBatch { get; }

    /// <summary>The most samples of a batch.</summary>
    int MaxCount { get; }

    /// <summary>The positions of a batch; they rise from batch to batch.</summary>
    (long Start, int Count) Slice(long batch);

    /// <summary>The window that holds a position.</summary>
    StreamWindow Window(long position);
}
