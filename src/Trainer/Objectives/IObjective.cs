using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Result of computing one batch.</summary>
/// <param name="Loss">Loss over the global batch, the same on every rank.</param>
/// <param name="BySample_bX">Per-sample values with a name for messages, used to locate NaN or infinity.</param>
internal sealed record ObjectiveResult(double Loss, IReadOnlyList<(string Name, torch.Tensor Values_bX)> BySample_bX)
{
    /// <summary>Factor on the cosine similarities; null if the objective has none.</summary>
    public double? LogitScale { get; init; }

    /// <summary>Bias added to the logits; null if the objective has none.</summary>
    public double? LogitBias { get; init; }

    /// <summary>This rank's image embeddings; null if the objective has none.</summary>
    public torch.Tensor? Images_bD { get; init; }

    /// <summary>This rank's text embeddings; null if the objective has none.</summary>
    public torch.Tensor? Texts_bD { get; init; }
}

/// <summary>A training objective: computes the loss over the global batch and the gradients of the parameters.</summary>
internal interface IObjective
{
    /// <summary>
    /// Computes the loss and hands this rank's part of the gradients to the reducer; the caller finishes it. All ranks call this
    /// together.
    /// </summary>
    /// <param name="batch">This rank's part of the global batch.</param>
    /// <param name="counts">Number of samples on every rank.</param>
    /// <param name="reducer">Sums the gradients over the ranks.</param>
    /// <param name="lossScale">Factor on the gradients; the returned loss is unscaled.</param>
    /// <exception cref="ArgumentException">No rank has a usable sample.</exception>
    ObjectiveResult ComputeGradients(TrainingBatch batch, ReadOnlySpan<long> counts, GradientReducer reducer, double lossScale);

    /// <summary>Clamps bounded parameters to their range; called after an update.</summary>
    void KeepWithinBounds();
}

/// <summary>Loss or gradients are NaN or infinite. The update was not applied; the state is that of the previous step.</summary>
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

/// <summary>Creates the objective that the options select.</summary>
internal static class ObjectiveFactory
{
    public static IObjective Create(ClipModel model, TrainingOptions options, RankGroup group, StepTimer? timer = null) =>
        model.Objective switch
        {
            Objective.Contrastive or Objective.Sigmoid => new PairObjective(
                model,
                options,
                group,
                PairLosses.Of(model.Objective, group, options.LossTileRows),
                timer
            ),
            Objective.TwoViews => new TwoViewObjective(model, options, group, new ContrastiveLoss(group, options.LossTileRows), timer),
            Objective.Classification => new SampleObjective(model, options, group, new ClassificationTask(model), timer),
            Objective.BagOfWords => new SampleObjective(model, options, group, new BagOfWordsTask(model), timer),
            Objective.Captioning => new SampleObjective(model, options, group, new CaptioningTask(model), timer),
            _ => throw new NotSupportedException($"Unknown objective {model.Objective}."),
        };
}
