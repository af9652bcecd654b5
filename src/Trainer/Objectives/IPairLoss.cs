using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Loss over the global batch and this rank's part of its gradients.</summary>
/// <param name="Loss">The loss, the same on every rank.</param>
/// <param name="ImageGradient_bD">∂loss/∂(this rank's image embeddings), summed over all ranks.</param>
/// <param name="TextGradient_bD">∂loss/∂(this rank's text embeddings), summed over all ranks.</param>
/// <param name="LogitScaleGradient">This rank's part of ∂loss/∂(log of the logit scale); summing over the ranks gives the whole.</param>
/// <param name="LogitBiasGradient">This rank's part of ∂loss/∂(logit bias).</param>
public sealed record PairLossResult(
    double Loss,
    torch.Tensor ImageGradient_bD,
    torch.Tensor TextGradient_bD,
    double LogitScaleGradient,
    double LogitBiasGradient = 0
)
{
    /// <summary>Scales all gradients by a factor; overwrites the embedding gradients.</summary>
    public PairLossResult Times(double factor) =>
        factor == 1
            ? this
            : this with
            {
                ImageGradient_bD = ImageGradient_bD.mul_(factor),
                TextGradient_bD = TextGradient_bD.mul_(factor),
                LogitScaleGradient = LogitScaleGradient * factor,
                LogitBiasGradient = LogitBiasGradient * factor,
            };
}

/// <summary>
/// A loss over the logits sᵢⱼ = scale · ⟨imageᵢ, textⱼ⟩ + bias of every image of the global batch with every text. Shapes: b local
/// pairs, N global pairs, D embedding.
/// </summary>
public interface IPairLoss
{
    /// <summary>Computes loss and gradients. Embeddings must be fp32, of unit length and detached.</summary>
    /// <param name="images_bD">This rank's image embeddings.</param>
    /// <param name="texts_ND">Text embeddings of all ranks, in rank order.</param>
    /// <param name="counts">Number of pairs on every rank; may differ. This rank's entry is b.</param>
    /// <param name="scale">Factor on the cosine similarities.</param>
    /// <param name="bias">Bias added to every logit.</param>
    /// <exception cref="ArgumentException">No rank has a pair.</exception>
    PairLossResult Compute(torch.Tensor images_bD, torch.Tensor texts_ND, ReadOnlySpan<long> counts, double scale, double bias = 0);
}

/// <summary>The rows of a matrix that belong to a rank, cut into tiles to bound memory.</summary>
internal static class RowTiles
{
    public static IEnumerable<(long Start, long Rows)> Of(long rows, int tileRows)
    {
        for (long start = 0; start < rows; start += tileRows)
        {
            yield return (start, Math.Min(tileRows, rows - start));
        }
    }

    /// <summary>The number of pairs on all ranks, and this rank's first row: the number on the ranks before it.</summary>
    /// <exception cref="ArgumentException">No rank has a pair.</exception>
    public static (long Total, long First) LocalRows(ReadOnlySpan<long> counts, int rank)
    {
        long total = 0,
            first = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            first += i < rank ? counts[i] : 0;
            total += counts[i];
        }

        return total > 0 ? (total, first) : throw new ArgumentException("The global batch has no usable pair.", nameof(counts));
    }
}
