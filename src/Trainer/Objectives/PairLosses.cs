using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>The losses of the objectives with a shared space.</summary>
public static class PairLosses
{
    /// <summary>The pair loss of an objective.</summary>
    /// <param name="objective">Contrastive or sigmoid.</param>
    /// <param name="group">The ranks of the global batch.</param>
    /// <param name="tileRows">Rows of the logits computed at once.</param>
    public static IPairLoss Of(Objective objective, RankGroup group, int tileRows) =>
        objective == Objective.Sigmoid ? new SigmoidLoss(group, tileRows) : new ContrastiveLoss(group, tileRows);

    /// <summary>A model's loss over one batch of unit embeddings bD, at the model's scale and bias.</summary>
    public static double Of(ClipModel model, double maxLogitScale, torch.Tensor images_bD, torch.Tensor texts_bD)
    {
        using var scope = torch.NewDisposeScope();
        using var group = new RankGroup();
        var pairs = images_bD.size(0);
        return Of(model.Objective, group, (int)pairs)
            .Compute(images_bD, texts_bD, [pairs], model.LogitScaleFactor(maxLogitScale), model.LogitBiasTerm ?? 0)
            .Loss;
    }
}
