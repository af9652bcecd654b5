namespace ClipTrain.DataPipeline.Loading;

/// <summary>What a stage of a loader has done, over all its threads.</summary>
/// <param name="Items">Samples that have gone through it.</param>
/// <param name="Busy">Time at work.</param>
/// <param name="Starved">Time waited for the stage before.</param>
/// <param name="Blocked">Time waited for room behind.</param>
public readonly record struct StageFigures(long Items, TimeSpan Busy, TimeSpan Starved, TimeSpan Blocked)
{
    public static StageFigures operator -(StageFigures later, StageFigures earlier) =>
        new(later.Items - earlier.Items, later.Busy - earlier.Busy, later.Starved - earlier.Starved, later.Blocked - earlier.Blocked);
}

/// <summary>
/// What a loader has done since it began, or between two looks at it. One thread reads; decoding, tokenizing and assembling
/// share the decoding threads, whose waits are decoding's.
/// </summary>
public sealed record LoaderFigures
{
    /// <summary>Wall time.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Decoding threads.</summary>
    public required int Threads { get; init; }

    /// <summary>Reading row groups. Storage and decompression are its work, so that it is never starved.</summary>
    public required StageFigures Read { get; init; }

    /// <summary>Decoding and augmenting images.</summary>
    public required StageFigures Decode { get; init; }

    /// <summary>Tokenizing captions.</summary>
    public required StageFigures Tokenize { get; init; }

    /// <summary>Noting outcomes and closing batches up.</summary>
    public required StageFigures Assemble { get; init; }

    /// <summary>Time that the consumer waited for batches.</summary>
    public required TimeSpan Waited { get; init; }

    /// <summary>Encoded samples in memory that no thread has finished, now.</summary>
    public required long QueuedSamples { get; init; }

    /// <summary>Batches that are ready to be taken, now.</summary>
    public required int QueuedBatches { get; init; }

    /// <summary>What was done between two looks; depths are the later one's.</summary>
    public static LoaderFigures operator -(LoaderFigures later, LoaderFigures earlier) =>
        later with
        {
            Elapsed = later.Elapsed - earlier.Elapsed,
            Read = later.Read - earlier.Read,
            Decode = later.Decode - earlier.Decode,
            Tokenize = later.Tokenize - earlier.Tokenize,
            Assemble = later.Assemble - earlier.Assemble,
            Waited = later.Waited - earlier.Waited,
        };
}
