using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Predicts the tokens of a caption from the image feature with the multi-class logistic loss of Joulin et al. (2016, arXiv
/// 1511.02251, section 3.1): ℓ = −Σ yₜ · log softmax(z)ₜ over the tokens t of the vocabulary, with y uniform over the distinct
/// tokens of the caption. Start, end and padding tokens are excluded. A baseline in Radford et al. 2021, figure 2.
/// </summary>
internal sealed class BagOfWordsTask(ClipModel model) : ISampleTask
{
    public (string Weight, string? Bias) Head => (ClassifierHead.Weight, ClassifierHead.Bias);

    /// <summary>The distinct tokens of a caption between its start and its end.</summary>
    /// <param name="tokens_L">The caption's tokens.</param>
    /// <param name="end">Position of the end-of-text token.</param>
    public static long[] Words(ReadOnlySpan<long> tokens_L, long end) =>
        [.. tokens_L.Slice(1, Math.Max(0, (int)end - 1)).ToArray().Distinct()];

    /// <summary>Number of captions with at least one token.</summary>
    public long CountTargets(TrainingBatch batch)
    {
        long count = 0;
        foreach (var end in batch.Ends_b.AsSpan<long>())
        {
            count += end > 1 ? 1 : 0;
        }

        return count;
    }

    public SampleTargets Targets(BatchPart part)
    {
        var context = (int)part.Batch.Tokens_bL.size(1);
        var tokens = part.Batch.Tokens_bL.AsSpan<long>();
        var ends = part.Batch.Ends_b.AsSpan<long>();
        var words = new long[part.Count * context];
        var weights = new float[part.Count * context];
        for (var i = 0; i < part.Count; i++)
        {
            var sample = (int)part.Start + i;
            var distinct = Words(tokens.Slice(sample * context, context), ends[sample]);
            distinct.CopyTo(words, i * context);
            weights.AsSpan(i * context, distinct.Length).Fill(1f / distinct.Length);
        }

        return new SampleTargets(
            new ClassTargets(tensor(words, [part.Count, context]).to(part.Device), tensor(weights, [part.Count, context]).to(part.Device)),
            arange(part.Count, int64).to(part.Device)
        );
    }

    public IReadOnlyList<Segment> Segments(BatchPart part) => model.FeatureSegments(part.KeptPatches, part.Statistics);
}
