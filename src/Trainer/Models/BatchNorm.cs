using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// BatchNorm over the batch and all positions of each channel (Ioffe and Szegedy 2015), computed in fp32 whatever the input's type.
/// In training it normalises with the statistics of the pairs that this rank computes at once, as PyTorch does, or, if the <see
/// cref="BatchStatistics"/> are synchronised, of those that all ranks compute at once.
/// </summary>
public sealed class BatchNorm(FlatParameters parameters, string name)
{
    /// <summary>Rate at which a step moves the running statistics towards the batch's.</summary>
    public const double Momentum = 0.1;

    private const double Epsilon = 1e-5;
    private const string MeanSuffix = ".running_mean",
        VarianceSuffix = ".running_var";

    private readonly torch.Tensor _weight = parameters[name + ".weight"],
        _bias = parameters[name + ".bias"];
    private readonly torch.Tensor _mean = parameters[name + MeanSuffix],
        _variance = parameters[name + VarianceSuffix];

    /// <param name="name">Prefix of the parameter names.</param>
    /// <param name="channels">C.</param>
    /// <param name="gain">Initial gain; ones if null.</param>
    public static IEnumerable<ParameterSpec> Parameters(string name, long channels, Action<torch.Tensor, torch.Generator>? gain = null) =>
        [
            new(name + ".weight", [channels], false, gain ?? Initial.One),
            new(name + ".bias", [channels], false, Initial.Zero),
            new(name + MeanSuffix, [channels], false, Initial.Zero) { IsStatistic = true },
            new(name + VarianceSuffix, [channels], false, Initial.One) { IsStatistic = true },
        ];

    /// <summary>The BatchNorms of a model, with their numbers of channels.</summary>
    public static IEnumerable<(string Name, long Channels)> Of(FlatParameters parameters) =>
        from spec in parameters.Specs
        where spec.IsStatistic && spec.Name.EndsWith(MeanSuffix, StringComparison.Ordinal)
        select (spec.Name[..^MeanSuffix.Length], spec.Count);

    /// <summary>x_bCHW → bCHW.</summary>
    /// <param name="x_bCHW">The input.</param>
    /// <param name="statistics">
    /// In training, collects the statistics of the batch. If null, or if the norm is locked, the running statistics are used.
    /// </param>
    /// <param name="relu">Whether negative outputs become zero.</param>
    public torch.Tensor Forward(torch.Tensor x_bCHW, BatchStatistics? statistics, bool relu = false)
    {
        if (statistics?.Has(name + MeanSuffix) != true)
        {
            return Rectified(nn.functional.batch_norm(x_bCHW, _mean.detach(), _variance.detach(), _weight, _bias, eps: Epsilon), relu);
        }

        var count = statistics.OverRanks?.Count(x_bCHW) ?? x_bCHW.numel() / x_bCHW.size(1);
        if (count == 1)
        {
            throw new InvalidOperationException(
                $"{name}: a batch of one pair with a 1×1 map has no variance. Give each worker and each micro-batch at least "
                    + "two pairs, or use larger images."
            );
        }

        if (statistics.OverRanks is { } ranks)
        {
            var whole = x_bCHW.to(float32).contiguous();
            var moments = ranks.Of(name, whole);
            Observe(moments.Mean_C, moments.Variance_C * (count / (count - 1.0)));
            var normalized = SynchronizedNorm.Forward(whole, _weight, _bias, moments, count, ranks.Ranks, Epsilon);
            return Rectified(normalized.to(x_bCHW.dtype), relu);
        }

        if (BatchNormKernel.Takes(x_bCHW))
        {
            var (output, mean_C, variance_C) = BatchNormKernel.Apply(x_bCHW, _weight, _bias, Epsilon, relu);
            Observe(mean_C, variance_C * (count / (count - 1.0)));
            return output;
        }

        // In fp32, PyTorch sums whole channels in fp64, but channels that lie side by side in fp32.
        var x = x_bCHW.dtype == float32 ? x_bCHW.contiguous() : x_bCHW;
        // With a momentum of 1, these tensors receive the batch's own statistics.
        var (mean, variance) = (zeros_like(_bias).detach(), zeros_like(_bias).detach());
        var y = nn.functional.batch_norm(x, mean, variance, _weight, _bias, training: true, momentum: 1, eps: Epsilon);
        Observe(mean, variance);
        return Rectified(y, relu);

        void Observe(torch.Tensor mean_C, torch.Tensor unbiasedVariance_C)
        {
            statistics.Observe(name + MeanSuffix, mean_C, x_bCHW.size(0));
            statistics.Observe(name + VarianceSuffix, unbiasedVariance_C, x_bCHW.size(0));
        }
    }

    private static torch.Tensor Rectified(torch.Tensor y, bool relu) => relu ? y.relu() : y;
}
