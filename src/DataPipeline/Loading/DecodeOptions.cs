namespace ClipTrain.DataPipeline.Loading;

/// <summary>How a pipeline reads and decodes.</summary>
/// <param name="Threads">Decoding threads.</param>
/// <param name="Prefetch">Batches prepared ahead of the one that is taken.</param>
/// <param name="Context">Tokens of a caption.</param>
/// <param name="LabelColumn">The column to read as label, if any.</param>
internal sealed record DecodeOptions(int Threads, int Prefetch, int Context, string? LabelColumn)
{
    /// <summary>Processor time that one image may take.</summary>
    public TimeSpan ImageTime { get; init; } = DefaultImageTime;

    /// <summary>Told, on a thread of the pool, when a batch lets its consumer wait for long, and for what.</summary>
    public Action<string>? OnLongWait { get; init; }

    public static TimeSpan DefaultImageTime { get; } = TimeSpan.FromSeconds(60);
}
