using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>
/// Norm of the summed gradient. Squares are summed slice by slice in rank order, so the result is bit-identical on every rank,
/// whether a rank holds the whole gradient or only its slice.
/// </summary>
public static class GradientNorm
{
    /// <summary>Elements whose sum is added at once: the order of the additions defines the last bits.</summary>
    private const long ChunkElements = 1 << 20;

    /// <summary>Norm of a gradient that every rank holds completely, over the trained part.</summary>
    public static double Of(torch.Tensor gradients, FlatSlice trained, RankGroup group) =>
        Root(
            Enumerable
                .Range(0, group.WorldSize)
                .Select(rank => SumOfSquares(gradients, FlatSlice.Of(gradients.numel(), rank, group.WorldSize).Intersect(trained)))
        );

    /// <summary>
    /// Norm of a gradient of which every rank holds one slice, restricted to the trained part. All ranks call it together.
    /// </summary>
    public static double OfSlices(torch.Tensor slice, RankGroup group)
    {
        var mine = BitConverter.DoubleToInt64Bits(SumOfSquares(slice, new FlatSlice(0, slice.numel())));
        return Root(group.AllGather([mine]).Select(row => BitConverter.Int64BitsToDouble(row[0])));
    }

    private static double Root(IEnumerable<double> sums) => Math.Sqrt(sums.Aggregate(0.0, (total, sum) => total + sum));

    /// <summary>Sum of squares of a part of a flat buffer.</summary>
    internal static double SumOfSquares(torch.Tensor flat, FlatSlice slice)
    {
        using var scope = NewDisposeScope();
        if (flat.device_type != DeviceType.CPU)
        {
            return Torch.Kernels.SumOfSquares.Of(flat.narrow(0, slice.Offset, slice.Length));
        }

        double sum = 0;
        for (var start = slice.Offset; start < slice.End; start += ChunkElements)
        {
            sum += Torch.Kernels.SumOfSquares.Of(flat.narrow(0, start, Math.Min(ChunkElements, slice.End - start)));
        }

        return sum;
    }
}
