namespace ClipTrain.DataPipeline.Loading;

/// <summary>What one worker reads of an evaluation corpus and how.</summary>
public sealed record SequentialLoaderOptions
{
    /// <summary>Samples of a batch.</summary>
    public required int Batch { get; init; }

    /// <summary>This worker, from 0: each takes a contiguous part of the corpus.</summary>
    public int Rank { get; init; }

    /// <summary>Number of workers.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>The samples to read, from the first to before the last; all of the corpus, or of this worker's part, when null.</summary>
    public (long First, long End)? Samples { get; init; }

    /// <summary>False reads captions alone: images are neither decoded nor missed.</summary>
    public bool Images { get; init; } = true;

    /// <summary>Decoding threads.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Batches prepared ahead of the one that is used.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Processor time that one image may take to decode; one that takes more is bad.</summary>
    public TimeSpan ImageTime { get; init; } = DecodeOptions.DefaultImageTime;

    /// <summary>Told on any thread when a batch lets its consumer wait for long, and for what.</summary>
    public Action<string>? OnLongWait { get; init; }

    /// <summary>A column to read as label; rows where it is null are left out.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>Whether a sample without caption is bad.</summary>
    public bool CaptionRequired { get; init; } = true;
}
