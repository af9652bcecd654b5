using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// CLIP's symmetric contrastive loss (Radford et al. 2021, figure 3) over the global batch of N pairs:
/// L = 1/2N · Σᵢ [logsumexp over row i + logsumexp over column i − 2·sᵢᵢ], with logits sᵢⱼ = scale · ⟨imageᵢ, textⱼ⟩.
/// </summary>
/// <remarks>
/// Each rank computes the rows of its own images, one tile at a time, in two passes. The first computes each row's logsumexp and
/// the rank's part of each column's; the ranks then combine the columns. The second recomputes each tile and from it ∂L/∂s = 1/2N ·
/// (softmax over the row + softmax over the column − 2·identity). The N×N matrix never exists; memory is two tiles plus O(N·D).
/// Shapes: b local pairs, N global pairs, D embedding, R rows of a tile.
/// </remarks>
public sealed class ContrastiveLoss(RankGroup group, int tileRows) : IPairLoss
{
    /// <inheritdoc/>
    /// <param name="bias">Ignored: softmax does not depend on a constant added to all logits, so its gradient is zero.</param>
    public PairLossResult Compute(torch.Tensor images_bD, torch.Tensor texts_ND, ReadOnlySpan<long> counts, double scale, double bias = 0)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var rows = RowTiles.LocalRows(counts, group.Rank);
        var (total, first, local) = (rows.Total, rows.First, images_bD.size(0));
        var logits = new LogitTiles(images_bD, texts_ND, rows, tileRows, (scale, Bias: 0));
        var rowSums_b = empty([local], float32, images_bD.device);
        var columnSums_N = full([total], double.NegativeInfinity, float32, images_bD.device);

        // A single tile that holds all rows is kept for the second pass.
        var onlyTile = local <= tileRows && local > 0 ? logits.Compute((0, local)) : null;
        var matches = zeros([], float64, images_bD.device);
        foreach (var tile in RowTiles.Of(local, tileRows))
        {
            using var tileScope = NewDisposeScope();
            var logits_RN = onlyTile ?? logits.Compute(tile);
            matches.add_(logits.Matches(logits_RN, tile).to(float64).sum());
            rowSums_b.narrow(0, tile.Start, tile.Rows).copy_(logits.LogSumExp(logits_RN, 1));
            columnSums_N.copy_(logaddexp(columnSums_N, logits.LogSumExp(logits_RN, 0)));
        }

        if (group.WorldSize > 1)
        {
            columnSums_N = stack(group.AllGather(columnSums_N), 0).logsumexp(0);
        }

        var loss = ((rowSums_b + columnSums_N.narrow(0, first, local)).to(float64).sum() - (matches * 2)) / (2.0 * total);
        group.AllReduceSum(loss);

        foreach (var tile in RowTiles.Of(local, tileRows))
        {
            using var tileScope = NewDisposeScope();
            var logits_RN = onlyTile ?? logits.Compute(tile);
            var gradient_RN = logits.Copy(logits_RN).sub_(rowSums_b.narrow(0, tile.Start, tile.Rows).unsqueeze(1)).exp_();
            gradient_RN.add_(logits_RN.sub_(columnSums_N).exp_());
            logits.Matches(gradient_RN, tile).sub_(2);
            gradient_RN.mul_(0.5 / total);
            logits.Backward(gradient_RN, tile);
        }

        return logits.Finish(group, loss);
    }
}
