using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Predicts each token of a caption, including the end token, from the image and the preceding tokens. The loss is the mean over
/// the tokens of the global batch, without padding. The language model of Radford et al. 2021, figure 2: VirTex (Desai and Johnson
/// 2021, arXiv 2006.06666) in the forward direction.
/// </summary>
internal sealed class CaptioningTask(ClipModel model) : ISampleTask
{
    // The token embedding also predicts the tokens, as in VirTex.
    public (string Weight, string? Bias) Head => (CaptionDecoder.TokenEmbedding, null);

    public long CountTargets(TrainingBatch batch)
    {
        long count = 0;
        foreach (var end in batch.Ends_b.AsSpan<long>())
        {
            count += end;
        }

        return count;
    }

    public SampleTargets Targets(BatchPart part)
    {
        var context = part.Batch.Tokens_bL.size(1);
        var tokens = part.Batch.Tokens_bL.AsSpan<long>();
        var (next, samples) = (new List<long>(), new List<long>());
        foreach (var (sample, position) in Predicted(part))
        {
            next.Add(tokens[(int)(((part.Start + sample) * context) + position + 1)]);
            samples.Add(sample);
        }

        return new SampleTargets(ClassTargets.Of(tensor([.. next]).to(part.Device)), tensor([.. samples]).to(part.Device));
    }

    public IReadOnlyList<Segment> Segments(BatchPart part)
    {
        var length = model.CaptionLength(part.LongestEnd);
        var rows_n = tensor([.. Predicted(part).Select(row => (row.Sample * length) + row.Position)]).to(part.Device);
        return model.CaptionSegments(part.Tokens, rows_n, length, part.KeptPatches, part.Statistics);
    }

    /// <summary>Positions whose next token is predicted, caption by caption.</summary>
    private static List<(long Sample, long Position)> Predicted(BatchPart part)
    {
        var ends = part.Batch.Ends_b.AsSpan<long>();
        var positions = new List<(long, long)>();
        for (var sample = 0; sample < part.Count; sample++)
        {
            for (var position = 0; position < ends[(int)part.Start + sample]; position++)
            {
                positions.Add((sample, position));
            }
        }

        return positions;
    }
}
