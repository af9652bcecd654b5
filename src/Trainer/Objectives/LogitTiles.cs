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
/// <param name="tileRows">Most rows of a tile.</param>
/// <param name="logit">Factor on the cosine similarities, and bias added to every logit.</param>
/// <remarks>
/// Two tiles are allocated once and hold everything of a tile's size. Tiles that came and went would leave gaps in the heap: at 32,768
/// pairs the loss took twice its memory.
/// </remarks>
internal sealed class LogitTiles(
    torch.Tensor images_bD,
    torch.Tensor texts_ND,
    (long Total, long First) rows,
    int tileRows,
    (double Scale, double Bias) logit
)
{
    private readonly torch.Tensor _logits_RN = Tile(images_bD, texts_ND, tileRows),
        _scratch_RN = Tile(images_bD, texts_ND, tileRows),
        _texts_DN = texts_ND.t(),
        _imageGradient_bD = empty_like(images_bD),
        _textGradient_ND = zeros_like(texts_ND),
        _scaleGradient = zeros([], float64, images_bD.device);

    /// <summary>The logits of a tile, RN, valid until the next tile's.</summary>
    public torch.Tensor Compute((long Start, long Rows) tile)
    {
        var logits_RN = _logits_RN.narrow(0, 0, tile.Rows).addmm_(ScaledImages(tile), _texts_DN, beta: 0, alpha: 1);
        return logit.Bias == 0 ? logits_RN : logits_RN.add_(logit.Bias);
    }

    /// <summary>A copy of a tile, RN, to overwrite; valid until the next copy.</summary>
    public torch.Tensor Copy(torch.Tensor tile_RN) => _scratch_RN.narrow(0, 0, tile_RN.size(0)).copy_(tile_RN);

    /// <summary>torch.logsumexp of a tile over one of its dimensions, in the copy's memory.</summary>
    public torch.Tensor LogSumExp(torch.Tensor tile_RN, long dimension)
    {
        var maxima = tile_RN.amax([dimension], keepdim: true);
        return Copy(tile_RN).sub_(maxima).exp_().sum(dimension).log_().add_(maxima.squeeze(dimension));
    }

    /// <summary>A view of the entries of a tile at which an image meets its own text, R.</summary>
    public torch.Tensor Matches(torch.Tensor tile_RN, (long Start, long Rows) tile) =>
        tile_RN.narrow(1, rows.First + tile.Start, tile.Rows).diagonal();

    /// <summary>Takes ∂loss/∂logits of a tile, RN. Every tile must be given once.</summary>
    public void Backward(torch.Tensor gradient_RN, (long Start, long Rows) tile)
    {
        var imageGradient_RD = _imageGradient_bD.narrow(0, tile.Start, tile.Rows);
        imageGradient_RD.copy_(gradient_RN.mm(texts_ND) * logit.Scale);
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

    private torch.Tensor ScaledImages((long Start, long Rows) tile) => images_bD.narrow(0, tile.Start, tile.Rows) * logit.Scale;

    private static torch.Tensor Tile(torch.Tensor images_bD, torch.Tensor texts_ND, int tileRows) =>
        empty([Math.Min(tileRows, images_bD.size(0)), texts_ND.size(0)], float32, images_bD.device);
}
