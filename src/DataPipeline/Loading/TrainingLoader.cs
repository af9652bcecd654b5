using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// One worker's batches, decoded ahead of training. What a step holds is a function of the corpus, the order and the seed
/// alone: neither threads, nor the number of workers, nor where the run was resumed change it.
/// <para>Memory: the encoded samples that this worker needs of two row groups for each of its partitions (the one in use and
/// the next: about 2 × window × bytes of a row group ÷ workers, for a mixture as for one corpus, whose window its corpora share), and
/// <see cref="TrainingLoaderOptions.Prefetch"/> + 1 decoded batches of 3 × size² values (1, 2 or 4 bytes each) and
/// 8 × context bytes a sample.</para>
/// </summary>
public sealed class TrainingLoader : IDisposable
{
    /// <summary>The share of bad samples is not judged before so many samples have been read.</summary>
    public const int MinSamplesToJudge = 200;

    private readonly CorpusManifest _manifest;
    private readonly ITokenizer _tokenizer;
    private readonly TrainingLoaderOptions _options;
    private readonly Action<BadSample>? _onBad;
    private readonly CaptionChoice _choice;
    private readonly DecodePipeline _pipeline;
    private long? _askedAt;

    /// <param name="manifest">The corpus.</param>
    /// <param name="order">The order of its samples, made from the manifest's <see cref="CorpusManifest.GroupRows"/>.</param>
    /// <param name="tokenizer">Used by all threads.</param>
    /// <param name="createTransform">Called once for each thread.</param>
    /// <param name="options">What this worker reads and how.</param>
    /// <param name="onBad">Called by <see cref="Take"/> for each sample that was skipped, in the order of the stream.</param>
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
            throw new ArgumentException(
                $"the order is of {order.SampleCount} samples, the corpus has {manifest.SampleCount}",
                nameof(order)
            );
        if (options.Labels is null && manifest.Parts.Any(part => part.Caption is null))
            throw new CorpusException($"{manifest.Files[0].Path} has no caption column to train on; name it with data.caption_column");
        if (options.CaptionMode != CaptionMode.First && manifest.Parts.Any(part => part.CaptionChoices.Count == 0))
            throw new ArgumentException("the manifest has no caption choices", nameof(manifest));
        _choice = new CaptionChoice(options.CaptionMode, options.CaptionWeights, options.Seed);
        (_manifest, _tokenizer, _options, _onBad) = (manifest, tokenizer, options, onBad);
        _pipeline = new DecodePipeline(
            manifest,
            new TrainingStream(order, options),
            new DecodeOptions(options.Threads, options.Prefetch, tokenizer.ContextLength, options.Labels?.Column)
            {
                ImageTime = options.ImageTime,
                OnLongWait = options.OnLongWait,
            },
            createTransform,
            Decode
        );
    }

    /// <summary>Samples read so far, the bad ones included.</summary>
    public long SamplesRead { get; private set; }

    /// <summary>What its stages have done up to now; any thread may ask.</summary>
    public LoaderFigures Figures => _pipeline.Figures;

    /// <summary>Samples skipped so far.</summary>
    public long BadSamples { get; private set; }

    /// <summary>Waits for the next step's slice for a while; false when it is not ready then.</summary>
    public bool Wait(TimeSpan patience, CancellationToken cancellation = default)
    {
        _askedAt ??= Stopwatch.GetTimestamp();
        return _pipeline.Wait(patience, cancellation);
    }

    /// <summary>The next step's slice; waits until it is decoded. Steps come in order, each once.</summary>
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
            _onBad?.Invoke(Describe(sample, reason));
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

    private Outcome Decode(DecodeJob job, IImageTransform transform, ThreadMeter meter)
    {
        var sample = job.Sample;
        var caption =
            _options.Labels is not null ? null
            : _options.CaptionMode == CaptionMode.First ? sample.Caption
            : _choice.Of(sample.CaptionChoices!, sample.Sample);
        long? label = null;
        if (_options.Labels is { } labels)
        {
            if (labels.Parse(sample.Label) is not { } known)
                return Outcome.Bad(labels.Refuse(sample.Label));
            label = known;
        }
        else if (sample.CaptionProblemOf(caption) is { } problem)
        {
            return Outcome.Bad(problem);
        }

        if (sample.ImageProblem is { } missing)
            return Outcome.Bad(missing);
        try
        {
            using var _ = meter.Time(LoaderWork.Decode);
            var random = RandomStreams.Of(RandomPurpose.Augmentation, _options.Seed, sample.Sample.Epoch, sample.Sample.Index);
            transform.Train(sample.Image, ref random);
            if (!job.TryFinish())
                return Outcome.LeftOut;
            transform.Write(job.Buffers.Image(job.Slot.Slot));
        }
        catch (ImageDecodeException e)
        {
            return Outcome.Bad(e.Message);
        }

        if (label is { } number)
            job.Buffers.Label(job.Slot.Slot) = number;
        if (caption is null)
            return Outcome.Good;
        using (meter.Time(LoaderWork.Tokenize))
        {
            var encoded = Encode(caption, sample.Sample, job.Buffers.TokensOf(job.Slot.Slot));
            job.Buffers.EndPosition(job.Slot.Slot) = encoded.End;
            return encoded.Excess > 0 ? Outcome.Truncated : Outcome.Good;
        }
    }

    private EncodedCaption Encode(string text, SampleRef sample, Span<long> tokens)
    {
        var caption = _tokenizer.Encode(text, tokens, first: 0);
        if (caption.Excess == 0 || _options.LongCaptions == LongCaptions.Cut)
            return caption;
        var random = RandomStreams.Of(RandomPurpose.CaptionWindow, _options.Seed, sample.Epoch, sample.Index);
        return _tokenizer.Encode(text, tokens, first: (int)random.NextInt64(caption.Excess + 1));
    }
}
