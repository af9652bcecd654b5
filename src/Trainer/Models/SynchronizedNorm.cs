using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Normalisation with statistics over all ranks, and its gradients, as torch.nn.SyncBatchNorm. With x̂ = (x − mean) / σ over the N
/// values of a channel and σ² = variance + ε: ∂x = weight / σ · (∂y − Σ∂y / N − x̂ · Σ(∂y·x̂) / N), with sums over all ranks.
/// </summary>
internal static class SynchronizedNorm
{
    /// <summary>x_bCHW → bCHW, fp32; b may be 0. Backward exchanges two sums per channel.</summary>
    /// <param name="x_bCHW">This rank's part of the input.</param>
    /// <param name="weight_C">Gains.</param>
    /// <param name="bias_C">Offsets.</param>
    /// <param name="moments">Mean and biased variance over all ranks.</param>
    /// <param name="count">N, the number of values per channel over all ranks.</param>
    /// <param name="ranks">Ranks that are synchronised.</param>
    /// <param name="epsilon">ε.</param>
    public static torch.Tensor Forward(
        torch.Tensor x_bCHW,
        torch.Tensor weight_C,
        torch.Tensor bias_C,
        (torch.Tensor Mean_C, torch.Tensor Variance_C) moments,
        long count,
        RankGroup ranks,
        double epsilon
    )
    {
        return Gradients.Record(
            [x_bCHW, weight_C, bias_C],
            () => nn.functional.batch_norm(x_bCHW, moments.Mean_C, moments.Variance_C, weight_C, bias_C, eps: epsilon),
            [x_bCHW, weight_C, moments.Mean_C, moments.Variance_C],
            (gradient, kept) => WayBack(gradient, kept[0], kept[1], kept[2], kept[3], count, ranks, epsilon)
        );
    }

    private static torch.Tensor[] WayBack(
        torch.Tensor gradient_bCHW,
        torch.Tensor x_bCHW,
        torch.Tensor weight_C,
        torch.Tensor mean_C,
        torch.Tensor variance_C,
        long count,
        RankGroup ranks,
        double epsilon
    )
    {
        var (x, weight, bias) = OfThisRank(gradient_bCHW, x_bCHW, weight_C, mean_C, variance_C, epsilon);
        var sums_2C = cat([weight, bias], 0).to(float64);
        ranks.AllReduceSum(sums_2C);
        var factor_C = weight_C * (variance_C + epsilon).rsqrt() * (-1.0 / count);
        var sums = sums_2C.to(float32).chunk(2);
        // The terms from the statistics' dependence on x are linear in x̂, so they are again a BatchNorm with fixed statistics.
        x.add_(nn.functional.batch_norm(x_bCHW, mean_C, variance_C, factor_C * sums[0], factor_C * sums[1], eps: epsilon));
        return [x, weight, bias];
    }

    /// <summary>
    /// With fixed statistics the weight's gradient is Σ(∂y·x̂) and the bias's Σ∂y over this rank; autograd computes both.
    /// </summary>
    private static (torch.Tensor X, torch.Tensor Weight, torch.Tensor Bias) OfThisRank(
        torch.Tensor gradient_bCHW,
        torch.Tensor x_bCHW,
        torch.Tensor weight_C,
        torch.Tensor mean_C,
        torch.Tensor variance_C,
        double epsilon
    )
    {
        if (x_bCHW.size(0) == 0)
        {
            return (zeros_like(x_bCHW), zeros_like(weight_C), zeros_like(weight_C));
        }

        using var recording = enable_grad();
        var (x, weight, bias) = (
            x_bCHW.detach().requires_grad_(),
            weight_C.detach().requires_grad_(),
            zeros_like(weight_C).requires_grad_()
        );
        var y_bCHW = nn.functional.batch_norm(x, mean_C, variance_C, weight, bias, eps: epsilon);
        autograd.backward([y_bCHW], [gradient_bCHW]);
        return (x.grad!, weight.grad!, bias.grad!);
    }
}
