using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// The mean and variance of each BatchNorm's input over a micro-batch of all ranks. They are exchanged once and kept, so that a pass
/// that is made again, for micro-batches or for activation checkpointing, sees the same and sends nothing.
/// </summary>
/// <remarks>Every rank must ask for the same in the same order, one without a pair too. Tensors belong to the dispose scope that it
/// is made in.</remarks>
public sealed class RankStatistics
{
    private readonly Dictionary<string, (torch.Tensor Mean, torch.Tensor Variance)> _known;
    private readonly HashSet<string> _exchanged = new(StringComparer.Ordinal);

    /// <param name="ranks">Those whose pairs are normalised together, in an order of collectives of their own.</param>
    /// <param name="pairs">Pairs of this micro-batch on all of them.</param>
    /// <param name="norms">The BatchNorms' names with their numbers of channels.</param>
    /// <param name="device">Where the towers compute.</param>
    public RankStatistics(RankGroup ranks, long pairs, IEnumerable<(string Name, long Channels)> norms, torch.Device device)
    {
        (Ranks, Pairs) = (ranks, pairs);
        _known = norms.ToDictionary(
            norm => norm.Name,
            norm => (empty([norm.Channels], float32, device), empty([norm.Channels], float32, device)),
            StringComparer.Ordinal
        );
    }

    public RankGroup Ranks { get; }

    public long Pairs { get; }

    /// <summary>Mean and biased variance of each channel over all ranks' pairs and places.</summary>
    /// <param name="name">The BatchNorm's.</param>
    /// <param name="x_bCHW">This rank's part of its input, fp32; b may be 0.</param>
    public (torch.Tensor Mean_C, torch.Tensor Variance_C) Of(string name, torch.Tensor x_bCHW)
    {
        var (mean_C, variance_C) = _known[name];
        if (_exchanged.Add(name))
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var sums_2C = Sums(x_bCHW);
            Ranks.AllReduceSum(sums_2C);
            var moments = sums_2C.div((double)Count(x_bCHW)).chunk(2);
            mean_C.copy_(moments[0]);
            variance_C.copy_((moments[1] - moments[0].square()).clamp(min: 0));
        }

        return (mean_C, variance_C);
    }

    /// <summary>Values of a channel, over all ranks.</summary>
    public long Count(torch.Tensor x_bCHW) => Pairs * x_bCHW.size(2) * x_bCHW.size(3);

    /// <summary>Σx and Σx² of each channel, in fp64: there the difference of their means loses nothing that fp32 had.</summary>
    private static torch.Tensor Sums(torch.Tensor x_bCHW)
    {
        if (x_bCHW.size(0) == 0)
            return zeros([2 * x_bCHW.size(1)], float64, x_bCHW.device);
        var (variance_C, mean_C) = x_bCHW.var_mean([0, 2, 3], unbiased: false);
        var mean = mean_C.to(float64);
        return cat([mean, variance_C.to(float64) + mean.square()], 0) * ((double)x_bCHW.numel() / x_bCHW.size(1));
    }
}
