using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Probes;

/// <summary>
/// big_vision's few-shot probe in closed form (evaluators/fewshot_lsr.py): features standardized with the mean and deviation of the
/// training images, a bias feature of 100, and ridge regression of strength 2^10 to targets of ±1.
/// </summary>
internal static class RidgeProbe
{
    private const double Strength = 1024,
        BiasFeature = 100;

    /// <summary>Fraction of correct test images.</summary>
    public static double Accuracy(ProbeImages train, ProbeImages test, int classes)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var x_nd = train.Features.View().to(float64);
        var mean_d = x_nd.mean([0]);
        var deviation_d = x_nd.sub(mean_d).square().mean([0]).sqrt().clamp_min(1e-5);
        Tensor Whiten(Tensor rows_nd) =>
            cat([rows_nd.to(float64).sub(mean_d).div(deviation_d), full([rows_nd.size(0), 1], BiasFeature, float64)], 1);
        var train_nf = Whiten(train.Features.View());
        var targets_nc = full([train.Labels.Length, classes], -1.0, float64);
        targets_nc.scatter_(
            1,
            tensor(Array.ConvertAll(train.Labels, label => (long)label)).unsqueeze(1),
            ones([train.Labels.Length, 1], float64)
        );
        var (n, f) = (train_nf.size(0), train_nf.size(1));
        // Use the equivalent form with the smaller matrix.
        var weights_fc =
            f <= n
                ? Solve(train_nf.t().mm(train_nf), train_nf.t().mm(targets_nc))
                : train_nf.t().mm(Solve(train_nf.mm(train_nf.t()), targets_nc));
        var predicted = Whiten(test.Features.View()).mm(weights_fc).argmax(1).AsSpan<long>();
        var right = 0;
        for (var i = 0; i < predicted.Length; i++)
        {
            right += predicted[i] == test.Labels[i] ? 1 : 0;
        }

        return right / (double)predicted.Length;
    }

    private static Tensor Solve(Tensor gram, Tensor target) =>
        cholesky_solve(target, linalg.cholesky(gram + (eye(gram.size(0), dtype: float64) * Strength)));
}
