using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Both towers and a pair loss over the embeddings of all ranks.</summary>
internal sealed class PairObjective(ClipModel model, TrainingOptions options, RankGroup group, IPairLoss loss, StepTimer? timer)
    : IObjective
{
    public ObjectiveResult ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, GradientReducer reducer, double lossScale)
    {
        var (scale, bias) = (model.LogitScaleFactor(options.MaxLogitScale), model.LogitBiasTerm);
        var pass = new EncodingPass(model, batch, options, group.Statistics, counts, timer);

        // Text embeddings are gathered while the images, the larger part of the work, are computed.
        var texts_bD = pass.EncodeTexts();
        var gathering = group.BeginAllGatherRows(texts_bD, counts);
        var images_bD = pass.EncodeImages();
        torch.Tensor texts_ND;
        using (timer?.Measure(StepPhase.Gather))
        {
            texts_ND = gathering.Wait();
        }

        PairLossResult result;
        var pairs = counts.ToArray();
        using (timer?.Measure(StepPhase.Loss))
        {
            result = RejectedTensorException.Guard(
                "the loss",
                () => loss.Compute(images_bD, texts_ND, pairs, scale, bias ?? 0),
                ("image embeddings", images_bD),
                ("all text embeddings", texts_ND)
            );
        }

        pass.Backward(result.Times(lossScale), RowTiles.LocalRows(counts, group.Rank).Total, reducer);
        return new ObjectiveResult(result.Loss, [("image embedding", images_bD), ("text embedding", texts_bD)])
        {
            LogitScale = scale,
            LogitBias = bias,
            Images_bD = images_bD,
            Texts_bD = texts_bD,
        };
    }

    public void KeepWithinBounds() => model.ClampLogitScale(options.MaxLogitScale);
}
