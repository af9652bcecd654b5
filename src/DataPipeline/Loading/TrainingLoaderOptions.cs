namespace ClipTrain.DataPipeline.Loading;

/// <summary>What a worker's loader delivers.</summary>
public sealed record TrainingLoaderOptions
{
    /// <summary>Pairs in a step, over all workers.</summary>
    public required int GlobalBatch { get; init; }

    public int Rank { get; init; }

    public int WorldSize { get; init; } = 1;

    /// <summary>Seed of the augmentation.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Decoding threads.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Batches prepared ahead.</summary>
    public int Prefetch { get; init; } = 4;

    /// <summary>Share of unusable samples above which <see cref="TrainingLoader.Take"/> throws.</summary>
    public double MaxBadShare { get; init; } = 0.05;

    /// <summary>The step to begin with.</summary>
    public long FirstStep { get; init; }

    /// <summary>The step before which to end.</summary>
    public long LastStep { get; init; } = long.MaxValue;
}
