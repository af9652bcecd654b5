using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// This rank's rows of the logits sᵢⱼ = scale · ⟨imageᵢ, textⱼ⟩ + bias, a tile at a time, and the gradients of embeddings and logit
/// scale that follow from those of the logits. Shapes: b local pairs, N global pairs, D embedding, R rows of a tile.
/// </summary>
/// <param name="images_bD">This rank's image embeddings.</param>
/// <param name="texts_ND">Text embeddings of all ranks.</param>
/// <param name="rows">Number of pairs on all ranks, and the first one of this rank.</param>
/// <param name="scale">Factor on the cosine similarities.</param>
/// <param name="bias">Bias added to every logit.</param>
internal sealed class LogitTiles(
    torch.Tensor images_bD,
    torch.Tensor texts_ND,
    (long Total, long First) rows,
    double scale,
    double bias = 0
)
{
    private readonly torch.Tensor _texts_DN = texts_ND.t(),
        _imageGradient_bD = empty_like(images_bD),
        _textGradient_ND = zeros_like(texts_ND),
        _scaleGradient = zeros([], float64, images_bD.device);

    /// <summary>The logits of a tile, RN.</summary>
    public torch.Tensor Compute((long Start, long Rows) tile)
    {
        var logits_RN = ScaledImages(tile).mm(_texts_DN);
        return bias == 0 ? logits_RN : logits_RN.add_(bias);
    }

    /// <summary>A view of the entries of a tile at which an image meets its own text, R.</summary>
    public torch.Tensor Matches(torch.Tensor tile_RN, (long Start, long Rows) tile) =>
        tile_RN.narrow(1, rows.First + tile.Start, tile.Rows).diagonal();

    /// <summary>Takes ∂loss/∂logits of a tile, RN. Every tile must be given once.</summary>
    public void Backward(torch.Tensor gradient_RN, (long Start, long Rows) tile)
    {
        var imageGradient_RD = _imageGradient_bD.narrow(0, tile.Start, tile.Rows);
        imageGradient_RD.copy_(gradient_RN.mm(texts_ND) * scale);
        // Without the bias, the logits are linear in the images, so row i contributes ⟨imageᵢ, ∂L/∂imageᵢ⟩ to ∂L/∂(log scale).
        _scaleGradient.add_((images_bD.narrow(0, tile.Start, tile.Rows) * imageGradient_RD).to(float64).sum());
        _textGradient_ND.addmm_(gradient_RN.t(), ScaledImages(tile));
    }

    /// <summary>
    /// Sums the gradients of the texts over the ranks. The embedding gradients move to the dispose scope outside the current one.
    /// </summary>
    /// <param name="group">All ranks, which call this together.</param>
    /// <param name="loss">The loss over the global batch, a scalar.</param>
    public PairLossResult Finish(RankGroup group, torch.Tensor loss)
    {
        group.AllReduceSum(_textGradient_ND);
        var local = images_bD.size(0);
        var textGradient_bD = local == rows.Total ? _textGradient_ND : _textGradient_ND.narrow(0, rows.First, local).clone();
        return new PairLossResult(
            loss.item<double>(),
            _imageGradient_bD.MoveToOuterDisposeScope(),
            textGradient_bD.MoveToOuterDisposeScope(),
            _scaleGradient.item<double>()
        );
    }

    private torch.Tensor ScaledImages((long Start, long Rows) tile) => images_bD.narrow(0, tile.Start, tile.Rows) * scale;
}
