using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Reads a corpus once, in its order, for evaluation: no shuffling and no augmentation. Memory: the encoded samples of two
/// groups of rows, and the decoded batches ahead.
/// </summary>
public sealed class SequentialLoader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly SequentialLoaderOptions _options;
    private readonly Action<BadSample>? _onBad;
    private readonly DecodePipeline _pipeline;

    /// <param name="manifest">The corpus.</param>
    /// <param name="createTransform">Called once for each thread.</param>
    /// <param name="options">What this worker reads and how.</param>
    /// <param name="onBad">Called for each sample that was skipped, in order, before its batch is given out.</param>
    /// <exception cref="CorpusException">The corpus has no such label column.</exception>
    public SequentialLoader(
        CorpusManifest manifest,
        Func<IImageTransform> createTransform,
        SequentialLoaderOptions options,
        Action<BadSample>? onBad = null
    )
    {
        if (options.CaptionRequired && manifest.Caption is null)
            throw new CorpusException(
                $"{manifest.Files[0].Path} has no caption column; its columns: {ColumnResolver.List(manifest.Columns)}"
            );
        (_manifest, _options, _onBad) = (manifest, options, onBad);
        _pipeline = new DecodePipeline(
            manifest,
            new SequentialStream(manifest, options),
            new DecodeOptions(options.Threads, options.Prefetch, Context: 0, options.LabelColumn)
            {
                ImageTime = options.ImageTime,
                OnLongWait = options.OnLongWait,
            },
            createTransform,
            Decode
        );
    }

    /// <summary>The batches that are left; the caller disposes each.</summary>
    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public IEnumerable<EvaluationBatch> Read(CancellationToken cancellation = default)
    {
        while (!_pipeline.AtEnd)
        {
            var decoded = _pipeline.Take(cancellation);
            foreach (var (sample, reason) in decoded.Bad)
            {
                var (file, row) = _manifest.Locate(sample.Index);
                _onBad?.Invoke(new BadSample(file, row, reason));
            }

            yield return new EvaluationBatch(decoded, _pipeline, _manifest);
        }
    }

    public void Dispose() => _pipeline.Dispose();

    private Outcome Decode(DecodeJob job, IImageTransform transform, ThreadMeter meter)
    {
        var sample = job.Sample;
        if (_options.LabelColumn is not null && sample.Label is null)
            return Outcome.LeftOut;
        if (_options.CaptionRequired && sample.CaptionProblemOf(sample.Caption) is { } problem)
            return Outcome.Bad(problem);
        if (!_options.Images)
            return Outcome.Good;
        if (sample.ImageProblem is { } missing)
            return Outcome.Bad(missing);
        try
        {
            using var _ = meter.Time(LoaderWork.Decode);
            transform.Evaluate(sample.Image);
            if (!job.TryFinish())
                return Outcome.LeftOut;
            transform.Write(job.Buffers.Image(job.Slot.Slot));
        }
        catch (ImageDecodeException e)
        {
            return Outcome.Bad(e.Message);
        }

        return Outcome.Good;
    }
}
