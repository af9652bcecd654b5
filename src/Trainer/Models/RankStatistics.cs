using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Mean and variance of each BatchNorm's input over one micro-batch of all ranks. They are exchanged once and kept, so that a
/// recomputed pass, with micro-batches or activation checkpointing, sees the same values and communicates nothing.
/// </summary>
/// <remarks>
/// Every rank must ask for the same statistics in the same order, also a rank without a pair. Tensors belong to the dispose scope
/// in which this object is created.
/// </remarks>
public sealed class RankStatistics
{
    private readonly Dictionary<string, (torch.Tensor Mean, torch.Tensor Variance)> _known;
    private readonly HashSet<string> _exchanged = new(StringComparer.Ordinal);

    /// <param name="ranks">Ranks whose pairs are normalised together. The group needs its own order of collectives.</param>
    /// <param name="pairs">Pairs of this micro-batch, over all ranks.</param>
    /// <param name="norms">Names of the BatchNorms, with their numbers of channels.</param>
    /// <param name="device">Device of the towers.</param>
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

    /// <summary>Mean and biased variance of each channel over the pairs and positions of all ranks.</summary>
    /// <param name="name">Name of the BatchNorm.</param>
    /// <param name="x_bCHW">This rank's part of the input, fp32; b may be 0.</param>
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

    /// <summary>Number of values per channel, over all ranks.</summary>
    public long Count(torch.Tensor x_bCHW) => Pairs * x_bCHW.size(2) * x_bCHW.size(3);

    /// <summary>Σx and Σx² of each channel in fp64, where the difference of their means is accurate to more than fp32.</summary>
    private static torch.Tensor Sums(torch.Tensor x_bCHW)
    {
        if (x_bCHW.size(0) == 0)
        {
            return zeros([2 * x_bCHW.size(1)], float64, x_bCHW.device);
        }

        var (variance_C, mean_C) = x_bCHW.var_mean([0, 2, 3], unbiased: false);
        var mean = mean_C.to(float64);
        return cat([mean, variance_C.to(float64) + mean.square()], 0) * ((double)x_bCHW.numel() / x_bCHW.size(1));
    }
}
