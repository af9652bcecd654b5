using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Turns an encoded sample into the contents of a batch slot. Thread-safe: all decoding threads share one.</summary>
internal abstract class SampleDecoder
{
    /// <summary>Decodes the job's sample and writes it to the job's slot.</summary>
    /// <param name="job">Sample and slot. Nothing is written to the slot before <see cref="DecodeJob.TryFinish"/> returns true.</param>
    /// <param name="transform">Transform of the calling thread.</param>
    /// <param name="meter">Counters of the calling thread.</param>
    public abstract Outcome Decode(DecodeJob job, IImageTransform transform, ThreadMeter meter);

    /// <summary>Makes the view of the sample's image that this loader delivers.</summary>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    protected abstract void MakeView(EncodedSample sample, IImageTransform transform);

    /// <summary>Decodes the image into the slot, unless the job is given up meanwhile.</summary>
    protected Outcome DecodeImage(DecodeJob job, IImageTransform transform, ThreadMeter meter)
    {
        if (job.Sample.ImageProblem is { } problem)
        {
            return Outcome.Bad(problem);
        }

        try
        {
            using var _ = meter.Time(LoaderWork.Decode);
            MakeView(job.Sample, transform);
            if (!job.TryFinish())
            {
                return Outcome.LeftOut;
            }

            transform.Write(job.Buffers.Image(job.Slot.Slot));
            return Outcome.Good;
        }
        catch (ImageDecodeException e)
        {
            return Outcome.Bad(e.Message);
        }
    }
}

/// <summary>Evaluation view of the image; captions and labels stay text.</summary>
internal sealed class EvaluationDecoder(SequentialLoaderOptions options) : SampleDecoder
{
    public override Outcome Decode(DecodeJob job, IImageTransform transform, ThreadMeter meter)
    {
        if (options.LabelColumn is not null && job.Sample.Label is null)
        {
            return Outcome.LeftOut;
        }

        if (options.CaptionRequired && job.Sample.CaptionProblemOf(job.Sample.Caption) is { } problem)
        {
            return Outcome.Bad(problem);
        }

        return options.Images ? DecodeImage(job, transform, meter) : Outcome.Good;
    }

    protected override void MakeView(EncodedSample sample, IImageTransform transform) => transform.Evaluate(sample.Image);
}
