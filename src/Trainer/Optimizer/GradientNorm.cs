using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>
/// The norm of the summed gradient. Squares are added up slice by slice in the ranks' order, so that it has the same bits on
/// every rank, whether a rank sees all of the gradient or its slice alone.
/// </summary>
public static class GradientNorm
{
    /// <summary>Bounds what a device without a fused kernel needs beside the gradient.</summary>
    private const long ChunkElements = 1 << 20;

    /// <summary>The norm of a gradient that every rank holds, over the part that is trained by it.</summary>
    public static double Of(torch.Tensor gradients, FlatSlice trained, RankGroup group) =>
        Root(
            Enumerable
                .Range(0, group.WorldSize)
                .Select(rank => SumOfSquares(gradients, FlatSlice.Of(gradients.numel(), rank, group.WorldSize).Intersect(trained)))
        );

    /// <summary>The norm of a gradient of which every rank holds its slice, given without what is not trained. All ranks call it.</summary>
    public static double OfSlices(torch.Tensor slice, RankGroup group)
    {
        var mine = BitConverter.DoubleToInt64Bits(SumOfSquares(slice, new FlatSlice(0, slice.numel())));
        return Root(group.AllGather([mine]).Select(row => BitConverter.Int64BitsToDouble(row[0])));
    }

    private static double Root(IEnumerable<double> sums) => Math.Sqrt(sums.Aggregate(0.0, (total, sum) => total + sum));

    private static double SumOfSquares(torch.Tensor flat, FlatSlice slice)
    {
        using var scope = NewDisposeScope();
        double sum = 0;
        for (var start = slice.Offset; start < slice.End; start += ChunkElements)
            sum += Torch.Kernels.SumOfSquares.Of(flat.narrow(0, start, Math.Min(ChunkElements, slice.End - start)));
        return sum;
    }
}
