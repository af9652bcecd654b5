using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Logits of a linear layer over many classes, z = weight · row + bias, a tile of rows at a time. The tile is allocated once: tiles that
/// came and went would leave gaps in the heap. Shapes: R rows of a tile, W width, C classes; all fp32.
/// </summary>
/// <param name="mostRows">Most rows of a tile.</param>
/// <param name="weight_CW">Weights of the layer.</param>
/// <param name="bias_C">Its biases, or null.</param>
internal sealed class ClassLogits(long mostRows, torch.Tensor weight_CW, torch.Tensor? bias_C)
{
    private readonly torch.Tensor _tile_RC = empty([mostRows, weight_CW.size(0)], float32, weight_CW.device);

    /// <summary>Logits of rows, RC, valid until the next tile's.</summary>
    public torch.Tensor Compute(torch.Tensor rows_RW)
    {
        var logits_RC = _tile_RC.narrow(0, 0, rows_RW.size(0));
        if (bias_C is not null)
        {
            logits_RC.copy_(bias_C);
        }

        return logits_RC.addmm_(rows_RW, weight_CW.t(), beta: bias_C is null ? 0 : 1, alpha: 1);
    }

    /// <summary>
    /// torch.logsumexp over the classes, R, and the sums that it is the logarithm of. The logits become those sums' terms, each less by
    /// the same factor in a row.
    /// </summary>
    public static (torch.Tensor LogSumExp_R, torch.Tensor Sums_R) Exponentiate(torch.Tensor logits_RC)
    {
        var maxima_R1 = logits_RC.amax([1], keepdim: true);
        var sums_R = logits_RC.sub_(maxima_R1).exp_().sum(1L);
        return (sums_R.log().add_(maxima_R1.squeeze(1)), sums_R);
    }
}
