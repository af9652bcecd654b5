using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// SigLIP's pairwise sigmoid loss (Zhai et al. 2023, arXiv 2303.15343) over the global batch of N pairs:
/// L = −1/N · Σᵢⱼ log σ(zᵢⱼ·sᵢⱼ), with zᵢⱼ 1 where i = j and −1 elsewhere, and logits sᵢⱼ = scale · ⟨imageᵢ, textⱼ⟩ + bias.
/// </summary>
/// <remarks>
/// As −log σ(−s) = softplus(s) and −log σ(s) = softplus(s) − s, L = 1/N · [Σᵢⱼ softplus(sᵢⱼ) − Σᵢ sᵢᵢ] and ∂L/∂s = 1/N · (σ(s) −
/// identity). No logit's gradient depends on another logit, so each rank computes the rows of its own images in a single pass, one
/// tile at a time, and the ranks exchange only the gradients of the texts. The N×N matrix never exists; memory is two tiles plus
/// O(N·D). Shapes: b local pairs, N global pairs, D embedding, R rows of a tile.
/// </remarks>
public sealed class SigmoidLoss(RankGroup group, int tileRows) : IPairLoss
{
    /// <inheritdoc/>
    public PairLossResult Compute(torch.Tensor images_bD, torch.Tensor texts_ND, ReadOnlySpan<long> counts, double scale, double bias = 0)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var rows = RowTiles.LocalRows(counts, group.Rank);
        var logits = new LogitTiles(images_bD, texts_ND, rows, tileRows, (scale, bias));
        var (loss, biasGradient) = (zeros([], float64, images_bD.device), zeros([], float64, images_bD.device));
        foreach (var tile in RowTiles.Of(images_bD.size(0), tileRows))
        {
            using var tileScope = NewDisposeScope();
            var logits_RN = logits.Compute(tile);
            loss.sub_(logits.Matches(logits_RN, tile).to(float64).sum());
            // softplus(s) = max(s, 0) + log(1 + exp(−|s|))
            loss.add_(logits.Copy(logits_RN).clamp_(min: 0).sum(1L).to(float64).sum());
            loss.add_(logits.Copy(logits_RN).abs_().neg_().exp_().log1p_().sum(1L).to(float64).sum());
            var gradient_RN = logits_RN.sigmoid_();
            logits.Matches(gradient_RN, tile).sub_(1);
            gradient_RN.mul_(1.0 / rows.Total);
            biasGradient.add_(gradient_RN.sum(1L).to(float64).sum());
            logits.Backward(gradient_RN, tile);
        }

        loss.div_(rows.Total);
        group.AllReduceSum(loss);
        return logits.Finish(group, loss) with { LogitBiasGradient = biasGradient.item<double>() };
    }
}
