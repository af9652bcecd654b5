using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Tells each image of the global batch from all others: a pair loss between the embeddings of two augmented views, from one tower. The
/// second view stands where a caption stands in <see cref="PairObjective"/>. With the contrastive loss this is SimCLR (Chen et al. 2020,
/// arXiv 2002.05709) with the other view's images as negatives, which trains the near-duplicate detector of Radford et al. 2021,
/// appendix C.
/// </summary>
/// <remarks>Both views go through the tower at once, so BatchNorms see them together. Shapes: b samples of this rank, N of all.</remarks>
internal sealed class TwoViewObjective(ClipModel model, TrainingOptions options, RankGroup group, IPairLoss loss, StepTimer? timer)
    : IObjective
{
    public ObjectiveResult ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, GradientReducer reducer, double lossScale)
    {
        var scale = model.LogitScaleFactor(options.MaxLogitScale);
        var pass = new EncodingPass(model, batch, options, group.Statistics, counts, timer);
        var views_b2D = pass.EncodeImages().view([batch.Count, 2, model.Options.EmbedDim]);
        var (first_bD, second_bD) = (views_b2D.select(1, 0).contiguous(), views_b2D.select(1, 1).contiguous());
        torch.Tensor second_ND;
        using (timer?.Measure(StepPhase.Gather))
        {
            second_ND = group.BeginAllGatherRows(second_bD, counts).Wait();
        }

        PairLossResult result;
        var pairs = counts.ToArray();
        using (timer?.Measure(StepPhase.Loss))
        {
            result = RejectedTensorException.Guard(
                "the loss",
                () => loss.Compute(first_bD, second_ND, pairs, scale).Times(lossScale),
                ("first views", first_bD),
                ("all second views", second_ND)
            );
        }

        var gradients = result with { ImageGradient_bD = stack([result.ImageGradient_bD, result.TextGradient_bD], 1).flatten(0, 1) };
        pass.Backward(gradients, RowTiles.LocalRows(counts, group.Rank).Total, reducer);
        return new ObjectiveResult(result.Loss, [("embedding of the first view", first_bD), ("embedding of the second view", second_bD)])
        {
            LogitScale = scale,
            Images_bD = first_bD,
        };
    }

    public void KeepWithinBounds() => model.ClampLogitScale(options.MaxLogitScale);
}
