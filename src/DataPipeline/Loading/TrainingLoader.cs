using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// One worker's batches, decoded ahead of training. The contents of a step depend only on the corpus, the order and the seed, not on
/// the number of threads or workers or on where the run was resumed.
/// <para>Memory: this worker's encoded samples in two row groups per partition (about 2 × window × bytes of a row group ÷ workers; the
/// corpora of a mixture share the window), and <see cref="TrainingLoaderOptions.Prefetch"/> + 1 decoded batches of 3 × size² values (1,
/// 2 or 4 bytes each) and 8 × context bytes per sample.</para>
/// </summary>
public sealed class TrainingLoader : IDisposable
{
    /// <summary>Samples read before the share of bad samples is checked.</summary>
    public const int MinSamplesToJudge = 200;

    private readonly CorpusManifest _manifest;
    private readonly TrainingLoaderOptions _options;
    private readonly Action<BadSample>? _onBad;
    private readonly DecodePipeline _pipeline;
    private long? _askedAt;

    /// <param name="manifest">The corpus.</param>
    /// <param name="order">Order of its samples, made from the manifest's <see cref="CorpusManifest.RowGroupRows"/>.</param>
    /// <param name="tokenizer">Shared by all threads.</param>
    /// <param name="createTransform">Called once per thread.</param>
    /// <param name="options">This worker's slice and reading options.</param>
    /// <param name="onBad">Called by <see cref="Take"/> for each skipped sample, in stream order.</param>
    public TrainingLoader(
        CorpusManifest manifest,
        SampleOrder order,
        ITokenizer tokenizer,
        Func<IImageTransform> createTransform,
        TrainingLoaderOptions options,
        Action<BadSample>? onBad = null
    )
    {
        if (order.SampleCount != manifest.SampleCount)
        {
            throw new ArgumentException(
                $"the order has {order.SampleCount} samples but the corpus has {manifest.SampleCount}",
                nameof(order)
            );
        }

        if (options is { Labels: null, ImagesOnly: false } && manifest.Parts.Any(part => part.Caption is null))
        {
            throw new CorpusException($"{manifest.Files[0].Path} has no caption column to train on; name one with data.caption_column");
        }

        if (options.CaptionMode != CaptionMode.First && manifest.Parts.Any(part => part.CaptionChoices.Count == 0))
        {
            throw new ArgumentException("the manifest has no caption choices", nameof(manifest));
        }

        // The corpus's and the tokenizer's tables live as long as the loader. A later collection would move them during training.
        GC.Collect();
        (_manifest, _options, _onBad) = (manifest, options, onBad);
        _pipeline = new DecodePipeline(
            manifest,
            new TrainingStream(order, options),
            new DecodeOptions(options.Threads, options.Prefetch, tokenizer.ContextLength, options.Labels?.Column)
            {
                ImageTime = options.ImageTime,
                Time = options.Time,
                OnLongWait = options.OnLongWait,
            },
            createTransform,
            new TrainingDecoder(tokenizer, options)
        );
    }

    /// <summary>Samples read so far, bad ones included.</summary>
    public long SamplesRead { get; private set; }

    /// <summary>Counters of its stages up to now. Thread-safe.</summary>
    public LoaderFigures Figures => _pipeline.Figures with { Cores = _options.Cores };

    /// <summary>Samples skipped so far.</summary>
    public long BadSamples { get; private set; }

    /// <summary>Waits up to <paramref name="patience"/> for the next step's slice; true when it is ready.</summary>
    public bool Wait(TimeSpan patience, CancellationToken cancellation = default)
    {
        _askedAt ??= Stopwatch.GetTimestamp();
        return _pipeline.Wait(patience, cancellation);
    }

    /// <summary>The next step's slice; blocks until it is decoded. Each step is returned once, in order.</summary>
    /// <exception cref="CorpusException">A file cannot be read, or too many samples are bad.</exception>
    public Batch Take(CancellationToken cancellation = default)
    {
        var asked = _askedAt ?? Stopwatch.GetTimestamp();
        _askedAt = null;
        var decoded = _pipeline.Take(cancellation);
        var batch = new Batch(decoded, _pipeline, _manifest, Stopwatch.GetElapsedTime(asked));
        SamplesRead += decoded.Read;
        BadSamples += decoded.Bad.Count;
        foreach (var (sample, reason) in decoded.Bad)
        {
            _onBad?.Invoke(Describe(sample, reason));
        }

        if (
            decoded.Bad.Count > 0
            && SamplesRead >= Math.Min(MinSamplesToJudge, _manifest.SampleCount)
            && BadSamples > _options.MaxBadShare * SamplesRead
        )
        {
            batch.Dispose();
            throw new CorpusException(
                $"{BadSamples} of the {SamplesRead} samples read so far ({(double)BadSamples / SamplesRead:P1}) could not be used; the "
                    + "limit, data.max_bad_share, is "
                    + $"{_options.MaxBadShare:P1}. For example {Describe(decoded.Bad[0].Sample, decoded.Bad[0].Reason)}. Repair the "
                    + "corpus or raise the limit"
            );
        }

        return batch;
    }

    public void Dispose() => _pipeline.Dispose();

    private BadSample Describe(SampleRef sample, string reason) => BadSample.Of(_manifest, sample, reason);
}
