using ClipTrain.Torch.Collectives;
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
