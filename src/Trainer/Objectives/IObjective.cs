using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Result of computing one batch.</summary>
/// <param name="Loss">Over the global batch, the same on every rank.</param>
/// <param name="BySample_bX">Per-sample values with a name for messages, used to locate NaN or infinity.</param>
internal sealed record ObjectiveResult(double Loss, IReadOnlyList<(string Name, torch.Tensor Values_bX)> BySample_bX)
{
    /// <summary>The factor on the cosine similarities, where there is one.</summary>
    public double? LogitScale { get; init; }

    /// <summary>What is added to the logits, where something is.</summary>
    public double? LogitBias { get; init; }
}

/// <summary>What a model is trained for: a loss over the global batch, and the way of its gradients to the parameters.</summary>
internal interface IObjective
{
    /// <summary>
    /// Leaves this rank's part of the gradients with the reducer, which has begun and is to be finished. All ranks call it
    /// together.
    /// </summary>
    /// <param name="batch">This rank's share of the global batch.</param>
    /// <param name="counts">Samples on every rank.</param>
    /// <param name="reducer">Sums over the ranks what backward gives.</param>
    /// <param name="lossScale">Factor on the gradients; the loss is given without it.</param>
    /// <exception cref="ArgumentException">No rank has a sample that can be used.</exception>
    ObjectiveResult ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, GradientReducer reducer, double lossScale);

    /// <summary>Brings parameters that have bounds back within them, after an update.</summary>
    void KeepWithinBounds();
}

/// <summary>Loss or gradients are NaN or infinite. The step was not applied; the state is that of the step before.</summary>
public sealed class NonFiniteException(long step, int rank, string what, IReadOnlyList<string> keys)
    : Exception(
        $"Step {step}, rank {rank}: {what} is not finite; the update was not applied. Samples of this rank's batch: {Shorten(keys)}. "
            + "Lower training.learning_rate, set training.gradient_clip, or look at these samples; then resume."
    )
{
    private const int Shown = 8;

    private static string Shorten(IReadOnlyList<string> keys) =>
        string.Join(", ", keys.Take(Shown)) + (keys.Count > Shown ? $" and {keys.Count - Shown} more" : "");
}

/// <summary>The objective that options name.</summary>
internal static class ObjectiveFactory
{
    public static IObjective Create(ClipModel model, TrainingOptions options, RankGroup group) =>
        model.Objective switch
        {
            Objective.Contrastive => new PairObjective(model, options, group, new ContrastiveLoss(group, options.LossTileRows)),
            Objective.Sigmoid => new PairObjective(model, options, group, new SigmoidLoss(group, options.LossTileRows)),
            Objective.Classification => new SampleObjective(model, options, group, new ClassificationTask(model)),
            Objective.BagOfWords => new SampleObjective(model, options, group, new BagOfWordsTask(model)),
            Objective.Captioning => new SampleObjective(model, options, group, new CaptioningTask(model)),
            _ => throw new NotSupportedException($"Unknown objective {model.Objective}."),
        };
}
