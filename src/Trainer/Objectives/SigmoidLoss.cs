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
        var local = images_bD.size(0);
        var (total, first) = RowTiles.LocalRows(counts, group.Rank);

        var texts_DN = texts_ND.t();
        var imageGradient_bD = empty_like(images_bD).MoveToOuterDisposeScope();
        var allTextGradient_ND = zeros_like(texts_ND);
        var (loss, scaleGradient, biasGradient) = (Zero(), Zero(), Zero());
        foreach (var (start, rows) in RowTiles.Of(local, tileRows))
        {
            using var tileScope = NewDisposeScope();
            var scaledImages_RD = images_bD.narrow(0, start, rows) * scale;
            var logits_RN = scaledImages_RD.mm(texts_DN).add_(bias);
            loss.sub_(logits_RN.narrow(1, first + start, rows).diagonal().to(float64).sum());
            using (NewDisposeScope())
            {
                loss.add_(nn.functional.softplus(logits_RN).sum(1L).to(float64).sum());
            }

            var gradient_RN = logits_RN.sigmoid();
            gradient_RN.narrow(1, first + start, rows).diagonal().sub_(1);
            gradient_RN.mul_(1.0 / total);
            var imageGradient_RD = imageGradient_bD.narrow(0, start, rows);
            imageGradient_RD.copy_(gradient_RN.mm(texts_ND) * scale);
            // Without the bias, the logits are linear in the images, so row i contributes ⟨imageᵢ, ∂L/∂imageᵢ⟩ to ∂L/∂(log scale).
            scaleGradient.add_((images_bD.narrow(0, start, rows) * imageGradient_RD).to(float64).sum());
            biasGradient.add_(gradient_RN.sum(1L).to(float64).sum());
            allTextGradient_ND.addmm_(gradient_RN.t(), scaledImages_RD);
        }

        loss.div_(total);
        group.AllReduceSum(loss);
        group.AllReduceSum(allTextGradient_ND);
        var textGradient_bD = (
            local == total ? allTextGradient_ND : allTextGradient_ND.narrow(0, first, local).clone()
        ).MoveToOuterDisposeScope();
        return new PairLossResult(
            loss.item<double>(),
            imageGradient_bD,
            textGradient_bD,
            scaleGradient.item<double>(),
            biasGradient.item<double>()
        );

        torch.Tensor Zero() => zeros([], float64, images_bD.device);
    }
}
