using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Which samples one worker reads: consecutive batches, each a range of positions in a stream that a schedule deals out to
/// corpora, each read in windows.
/// </summary>
internal interface ISampleStream
{
    /// <summary>The first batch.</summary>
    long FirstBatch { get; }

    /// <summary>The batch after the last.</summary>
    long LastBatch { get; }

    /// <summary>The most samples of a batch.</summary>
    int MaxCount { get; }

    /// <summary>The position that the first batch begins at.</summary>
    long Start { get; }

    /// <summary>The position that the last batch ends at.</summary>
    long End { get; }

    /// <summary>The corpora's shares of the positions.</summary>
    MixtureSchedule Schedule { get; }

    /// <summary>The positions of a batch; they rise from batch to batch.</summary>
    (long Start, int Count) Slice(long batch);

    /// <summary>Whether a position between start and end is in one of this worker's batches.</summary>
    bool Holds(long position);

    /// <summary>The window that holds a position of a corpus's own stream.</summary>
    StreamWindow Window(int corpus, long position);
}
