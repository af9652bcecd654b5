namespace ClipTrain.DataPipeline.Loading;

/// <summary>What one worker reads and how.</summary>
public sealed record TrainingLoaderOptions
{
    /// <summary>This worker, from 0.</summary>
    public int Rank { get; init; }

    /// <summary>Number of workers.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>The run's seed; augmentation is keyed by it, the epoch and the sample.</summary>
    public required ulong Seed { get; init; }

    /// <summary>What of captions is used that are too long.</summary>
    public LongCaptions LongCaptions { get; init; }

    /// <summary>
    /// Which of a pair's captions is used; other than the first needs a manifest with <see cref="Corpus.CorpusManifest.CaptionChoices"/>.
    /// </summary>
    public CaptionMode CaptionMode { get; init; }

    /// <summary>With <see cref="CaptionMode.Random"/>, a weight for each caption column; none weighs all alike.</summary>
    public IReadOnlyList<double> CaptionWeights { get; init; } = [];

    /// <summary>The classes of the images, which are read in place of captions; null to read captions.</summary>
    public ClassLabels? Labels { get; init; }

    /// <summary>Decoding threads.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Batches prepared ahead of the one that is taken.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Processor time that one image may take to decode; one that takes more is bad.</summary>
    public TimeSpan ImageTime { get; init; } = DecodeOptions.DefaultImageTime;

    /// <summary>Told on any thread when a batch lets its consumer wait for long, and for what.</summary>
    public Action<string>? OnLongWait { get; init; }

    /// <summary>
    /// <see cref="TrainingLoader.Take"/> throws when more than this share of the samples read so far was bad; looked at from
    /// <see cref="TrainingLoader.MinSamplesToJudge"/> samples on, or from one pass over a smaller corpus.
    /// </summary>
    public double MaxBadShare { get; init; } = 0.05;

    /// <summary>
    /// Called on the reading thread before a row group is read, with the number of its corpus, the epoch of that, and its own number
    /// through all corpora. It throws where this worker has no business.
    /// </summary>
    public Action<int, long, int>? BeforeRead { get; init; }

    /// <summary>The first step to read.</summary>
    public long FirstStep { get; init; }

    /// <summary>The step after the last.</summary>
    public long LastStep { get; init; } = long.MaxValue;
}
