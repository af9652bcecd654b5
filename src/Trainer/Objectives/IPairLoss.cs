using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>The loss over the global batch and this rank's share of its gradients.</summary>
/// <param name="Loss">The same on every rank.</param>
/// <param name="ImageGradient_bD">∂loss/∂(this rank's image embeddings), complete.</param>
/// <param name="TextGradient_bD">∂loss/∂(this rank's text embeddings), complete.</param>
/// <param name="LogitScaleGradient">This rank's part of ∂loss/∂(log of the logit scale); the ranks' parts add up to the whole.</param>
/// <param name="LogitBiasGradient">This rank's part of ∂loss/∂(logit bias).</param>
public sealed record PairLossResult(
    double Loss,
    torch.Tensor ImageGradient_bD,
    torch.Tensor TextGradient_bD,
    double LogitScaleGradient,
    double LogitBiasGradient = 0
)
{
    /// <summary>The same with gradients that are a factor larger; those of embeddings are overwritten.</summary>
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
/// A loss over the logits sᵢⱼ = scale · ⟨imageᵢ, textⱼ⟩ + bias of every image of the global batch with every text. Shapes: b
/// local pairs, N global pairs, D embedding.
/// </summary>
public interface IPairLoss
{
    /// <summary>Embeddings must be fp32, of unit length and without history.</summary>
    /// <param name="images_bD">This rank's image embeddings.</param>
    /// <param name="texts_ND">The captions' embeddings of all ranks, by rank.</param>
    /// <param name="counts">Number of pairs on every rank; this rank's is b. They may differ.</param>
    /// <param name="scale">Factor on the cosine similarities.</param>
    /// <param name="bias">Added to every logit.</param>
    /// <exception cref="ArgumentException">No rank has a pair.</exception>
    PairLossResult Compute(torch.Tensor images_bD, torch.Tensor texts_ND, ReadOnlySpan<long> counts, double scale, double bias = 0);
}
