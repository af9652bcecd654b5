namespace ClipTrain.DataPipeline.Loading;

/// <summary>Counters of one loader stage, summed over all its threads.</summary>
/// <param name="Items">Samples that passed the stage.</param>
/// <param name="Busy">Working time.</param>
/// <param name="Starved">Time waiting for the stage before.</param>
/// <param name="Blocked">Time waiting for room in the stage after.</param>
public readonly record struct StageFigures(long Items, TimeSpan Busy, TimeSpan Starved, TimeSpan Blocked)
{
    public static StageFigures operator -(StageFigures later, StageFigures earlier) =>
        new(later.Items - earlier.Items, later.Busy - earlier.Busy, later.Starved - earlier.Starved, later.Blocked - earlier.Blocked);
}

/// <summary>
/// Counters of a loader since it began, or between two snapshots. One thread reads; decoding, tokenizing and assembling share the
/// decoding threads, whose waiting time is counted as decoding's.
/// </summary>
public sealed record LoaderFigures
{
    /// <summary>Wall time.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Decoding threads.</summary>
    public required int Threads { get; init; }

    /// <summary>Cores that the loader's process may use; null if unknown.</summary>
    public int? Cores { get; init; }

    /// <summary>Reading row groups, including storage and decompression; never starved.</summary>
    public required StageFigures Read { get; init; }

    /// <summary>Decoding and augmenting images.</summary>
    public required StageFigures Decode { get; init; }

    /// <summary>Tokenizing captions.</summary>
    public required StageFigures Tokenize { get; init; }

    /// <summary>Recording outcomes and compacting batches.</summary>
    public required StageFigures Assemble { get; init; }

    /// <summary>Time that the consumer waited for batches.</summary>
    public required TimeSpan Waited { get; init; }

    /// <summary>Encoded samples in memory that are not finished, at the time of the snapshot.</summary>
    public required long QueuedSamples { get; init; }

    /// <summary>Finished batches not yet taken, at the time of the snapshot.</summary>
    public required int QueuedBatches { get; init; }

    /// <summary>The difference of two snapshots; queue lengths are the later one's.</summary>
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
