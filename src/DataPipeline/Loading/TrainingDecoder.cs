using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Training view of the image, with the tokens of the caption, the number of the class, or neither. Every random choice is a function of
/// seed, epoch and sample.
/// </summary>
internal sealed class TrainingDecoder(ITokenizer tokenizer, TrainingLoaderOptions options) : SampleDecoder
{
    private readonly CaptionChoice _choice = new(options.CaptionMode, options.CaptionWeights, options.Seed);

    public override Outcome Decode(DecodeJob job, IImageTransform transform, ThreadMeter meter) =>
        options switch
        {
            { ImagesOnly: true } => DecodeImage(job, transform, meter),
            { Labels: { } labels } => DecodeLabelled(job, labels, transform, meter),
            _ => DecodeCaptioned(job, transform, meter),
        };

    protected override void MakeView(EncodedSample sample, IImageTransform transform)
    {
        var random = RandomStreams.Of(RandomPurpose.Augmentation, options.Seed, sample.Sample.Epoch, sample.Sample.Index);
        transform.Train(sample.Image, ref random);
    }

    private Outcome DecodeLabelled(DecodeJob job, ClassLabels labels, IImageTransform transform, ThreadMeter meter)
    {
        if (labels.Parse(job.Sample.Label) is not { } label)
        {
            return Outcome.Bad(labels.Refuse(job.Sample.Label));
        }

        var outcome = DecodeImage(job, transform, meter);
        if (outcome.Used)
        {
            job.Buffers.Label(job.Slot.Slot) = label;
        }

        return outcome;
    }

    private Outcome DecodeCaptioned(DecodeJob job, IImageTransform transform, ThreadMeter meter)
    {
        var sample = job.Sample;
        var caption = options.CaptionMode == CaptionMode.First ? sample.Caption : _choice.Of(sample.CaptionChoices!, sample.Sample);
        if (sample.CaptionProblemOf(caption) is { } problem)
        {
            return Outcome.Bad(problem);
        }

        var outcome = DecodeImage(job, transform, meter);
        if (!outcome.Used)
        {
            return outcome;
        }

        using var _ = meter.Time(LoaderWork.Tokenize);
        var encoded = Encode(caption!, sample.Sample, job.Buffers.TokensOf(job.Slot.Slot));
        job.Buffers.EndPosition(job.Slot.Slot) = encoded.End;
        return encoded.Excess > 0 ? Outcome.Truncated : Outcome.Good;
    }

    private EncodedCaption Encode(string text, SampleRef sample, Span<long> tokens)
    {
        var caption = tokenizer.Encode(text, tokens, first: 0);
        if (caption.Excess == 0 || options.LongCaptions == LongCaptions.Cut)
        {
            return caption;
        }

        var random = RandomStreams.Of(RandomPurpose.CaptionWindow, options.Seed, sample.Epoch, sample.Index);
        return tokenizer.Encode(text, tokens, first: (int)random.NextInt64(caption.Excess + 1));
    }
}
