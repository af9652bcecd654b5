namespace ClipTrain.DataPipeline.Loading;

/// <summary>One worker's slice of the stream and its reading options.</summary>
public sealed record TrainingLoaderOptions
{
    /// <summary>This worker's rank, from 0.</summary>
    public int Rank { get; init; }

    /// <summary>Number of workers.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>The run's seed; random choices are keyed by seed, epoch and sample.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Handling of captions longer than the context.</summary>
    public LongCaptions LongCaptions { get; init; }

    /// <summary>
    /// Choice among a pair's captions; modes other than First need a manifest with <see cref="Corpus.CorpusManifest.CaptionChoices"/>.
    /// </summary>
    public CaptionMode CaptionMode { get; init; }

    /// <summary>For <see cref="CaptionMode.Random"/>, a weight for each caption column; empty for equal weights.</summary>
    public IReadOnlyList<double> CaptionWeights { get; init; } = [];

    /// <summary>True to read neither captions nor classes.</summary>
    public bool ImagesOnly { get; init; }

    /// <summary>Image classes to read instead of captions; null to read captions.</summary>
    public ClassLabels? Labels { get; init; }

    /// <summary>Decoding threads.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Cores that the worker may use; reported with the loader's figures, null if unknown.</summary>
    public int? Cores { get; init; }

    /// <summary>Batches prepared ahead of the one being taken.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Processor time limit for decoding one image; an image that exceeds it is bad.</summary>
    public TimeSpan ImageTime { get; init; } = DecodeOptions.DefaultImageTime;

    /// <summary>Clock by which the loader checks for images and batches that take long.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Called on any thread with a message when the consumer has waited long for a batch.</summary>
    public Action<string>? OnLongWait { get; init; }

    /// <summary>
    /// Largest accepted share of bad samples among those read so far; above it <see cref="TrainingLoader.Take"/> throws. Checked from
    /// <see cref="TrainingLoader.MinSamplesToJudge"/> samples on, or from one pass over a smaller corpus.
    /// </summary>
    public double MaxBadShare { get; init; } = 0.05;

    /// <summary>
    /// Called on the reading thread before a row group is read, with the index of its corpus, that corpus's epoch, and the row group's
    /// number through all corpora. Throws if this worker must not read it.
    /// </summary>
    public Action<int, long, int>? BeforeRead { get; init; }

    /// <summary>The first step to read.</summary>
    public long FirstStep { get; init; }

    /// <summary>The step after the last.</summary>
    public long LastStep { get; init; } = long.MaxValue;
}

/// <summary>Handling of captions with more tokens than the context.</summary>
public enum LongCaptions
{
    /// <summary>Keeps the beginning.</summary>
    Cut,

    /// <summary>Keeps a contiguous window at a random place, a function of seed, epoch and sample.</summary>
    Window,
}
