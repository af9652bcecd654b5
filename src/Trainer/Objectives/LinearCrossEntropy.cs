using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Target distributions of rows: weights of a few of the C classes. The weights of a row sum to 1, or to 0 if the row does not
/// count.
/// </summary>
/// <param name="Classes_nK">int64.</param>
/// <param name="Weights_nK">fp32.</param>
public sealed record ClassTargets(torch.Tensor Classes_nK, torch.Tensor Weights_nK)
{
    /// <summary>One class per row.</summary>
    public static ClassTargets Of(torch.Tensor classes_n) =>
        new(classes_n.unsqueeze(1), ones([classes_n.size(0), 1], float32, classes_n.device));
}

/// <summary>Cross-entropy of each row, and the gradients of the weighted sum.</summary>
/// <param name="Losses_n">Loss of each row, without the factor.</param>
/// <param name="BiasGradient_C">Null if there is no bias.</param>
public sealed record LinearCrossEntropyResult(
    torch.Tensor Losses_n,
    torch.Tensor RowGradient_nW,
    torch.Tensor WeightGradient_CW,
    torch.Tensor? BiasGradient_C
);

/// <summary>
/// A linear layer followed by softmax cross-entropy: with logits z = weight · row + bias and a row's target distribution q, ℓ =
/// logsumexp z − Σ q·z. With label smoothing ε, q is (1 − ε) of the target plus ε spread evenly over the classes (Szegedy et al.
/// 2016).
/// </summary>
/// <remarks>
/// Computes rows and their gradients one tile at a time, in one buffer: ∂ℓ/∂z = softmax z − q. The n×C logits never exist; memory is
/// one R×C tile plus the gradients. Everything is fp32. Shapes: n rows, W width, C classes, K classes per target, R rows of a tile.
/// </remarks>
public sealed class LinearCrossEntropy(int tileRows, double smoothing = 0)
{
    /// <param name="rows_nW">fp32, detached.</param>
    /// <param name="weight_CW">fp32.</param>
    /// <param name="bias_C">fp32, or null.</param>
    /// <param name="targets">Target distributions of the rows.</param>
    /// <param name="factor">Factor on the gradients, which are those of factor · Σ ℓ.</param>
    public LinearCrossEntropyResult Compute(
        torch.Tensor rows_nW,
        torch.Tensor weight_CW,
        torch.Tensor? bias_C,
        ClassTargets targets,
        double factor
    )
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (rows, classes) = (rows_nW.size(0), weight_CW.size(0));
        var losses_n = empty([rows], float32, rows_nW.device);
        var rowGradient_nW = empty_like(rows_nW);
        var weightGradient_CW = zeros([classes, rows_nW.size(1)], float32, rows_nW.device);
        var biasGradient_C = bias_C is null ? null : zeros([classes], float32, rows_nW.device);
        var logits = new ClassLogits(Math.Min(tileRows, rows), weight_CW, bias_C);
        foreach (var (start, count) in RowTiles.Of(rows, tileRows))
        {
            using var tileScope = NewDisposeScope();
            var rows_RW = rows_nW.narrow(0, start, count);
            var (classes_RK, weights_RK) = (targets.Classes_nK.narrow(0, start, count), targets.Weights_nK.narrow(0, start, count));
            var (counts_R, sharp_RK) = (weights_RK.sum(1L), weights_RK * (1 - smoothing));
            var logits_RC = logits.Compute(rows_RW);
            var targets_R = (logits_RC.gather(1, classes_RK) * sharp_RK).sum(1L);
            if (smoothing > 0)
            {
                targets_R.add_(counts_R * logits_RC.mean([1]) * smoothing);
            }

            // The logits become their exponentials, and those the gradient, in place.
            var (logSumExp_R, sums_R) = ClassLogits.Exponentiate(logits_RC);
            var gradient_RC = logits_RC;
            losses_n.narrow(0, start, count).copy_((counts_R * logSumExp_R) - targets_R);
            gradient_RC.mul_((counts_R * factor / sums_R).unsqueeze(1));
            if (smoothing > 0)
            {
                gradient_RC.sub_((counts_R * (smoothing * factor / classes)).unsqueeze(1));
            }

            var places_RK = classes_RK + (arange(count, int64, rows_nW.device) * classes).unsqueeze(1);
            gradient_RC.view([-1]).index_add_(0, places_RK.flatten(), sharp_RK.flatten(), -factor);
            rowGradient_nW.narrow(0, start, count).copy_(gradient_RC.mm(weight_CW));
            weightGradient_CW.addmm_(gradient_RC.t(), rows_RW);
            biasGradient_C?.add_(gradient_RC.sum(0L));
        }

        return new LinearCrossEntropyResult(
            losses_n.MoveToOuterDisposeScope(),
            rowGradient_nW.MoveToOuterDisposeScope(),
            weightGradient_CW.MoveToOuterDisposeScope(),
            biasGradient_C?.MoveToOuterDisposeScope()
        );
    }
}
