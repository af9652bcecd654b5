using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Reads a corpus once, in order, for evaluation: no shuffling, no augmentation. Memory: the encoded samples of two row groups, and the
/// prefetched batches.
/// </summary>
public sealed class SequentialLoader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly Action<BadSample>? _onBad;
    private readonly DecodePipeline _pipeline;

    /// <param name="manifest">The corpus.</param>
    /// <param name="createTransform">Called once per thread.</param>
    /// <param name="options">Range and reading options of this worker.</param>
    /// <param name="onBad">Called for each skipped sample, in order, before its batch is returned.</param>
    /// <exception cref="CorpusException">The corpus has no such label column.</exception>
    public SequentialLoader(
        CorpusManifest manifest,
        Func<IImageTransform> createTransform,
        SequentialLoaderOptions options,
        Action<BadSample>? onBad = null
    )
    {
        if (options.CaptionRequired && manifest.Caption is null)
        {
            throw new CorpusException(
                $"{manifest.Files[0].Path} has no caption column; its columns: {ColumnResolver.List(manifest.Columns)}"
            );
        }

        (_manifest, _onBad) = (manifest, onBad);
        _pipeline = new DecodePipeline(
            manifest,
            new SequentialStream(manifest, options),
            new DecodeOptions(options.Threads, options.Prefetch, Context: 0, options.LabelColumn)
            {
                ImageTime = options.ImageTime,
                OnLongWait = options.OnLongWait,
            },
            createTransform,
            new EvaluationDecoder(options)
        );
    }

    /// <summary>The remaining batches; the caller disposes each.</summary>
    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public IEnumerable<EvaluationBatch> Read(CancellationToken cancellation = default)
    {
        while (!_pipeline.AtEnd)
        {
            var decoded = _pipeline.Take(cancellation);
            foreach (var (sample, reason) in decoded.Bad)
            {
                _onBad?.Invoke(BadSample.Of(_manifest, sample, reason));
            }

            yield return new EvaluationBatch(decoded, _pipeline, _manifest);
        }
    }

    public void Dispose() => _pipeline.Dispose();
}

/// <summary>Range and reading options of one worker on an evaluation corpus.</summary>
public sealed record SequentialLoaderOptions
{
    /// <summary>Samples per batch.</summary>
    public required int Batch { get; init; }

    /// <summary>This worker's rank, from 0; each worker takes a contiguous part of the corpus.</summary>
    public int Rank { get; init; }

    /// <summary>Number of workers.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>Samples to read, end exclusive; null for all. Divided among the workers.</summary>
    public (long First, long End)? Samples { get; init; }

    /// <summary>False reads captions only; missing images are then not bad.</summary>
    public bool Images { get; init; } = true;

    /// <summary>Decoding threads.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Batches prepared ahead of the one in use.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Processor time limit for decoding one image; an image that exceeds it is bad.</summary>
    public TimeSpan ImageTime { get; init; } = DecodeOptions.DefaultImageTime;

    /// <summary>Called on any thread with a message when the consumer has waited long for a batch.</summary>
    public Action<string>? OnLongWait { get; init; }

    /// <summary>Column to read as label; rows where it is null are left out.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>True if a sample without a caption is bad.</summary>
    public bool CaptionRequired { get; init; } = true;
}
