using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>
/// The sum of squares of a flat buffer, in double precision. On the CPU the blocks and the sixteen partial sums of each are added in a
/// fixed order, so the result depends neither on the number of threads nor on the vector width.
/// </summary>
public static unsafe class SumOfSquares
{
    private const int Lanes = 16;

    /// <summary>Number of elements that the separate operators process at once, which limits their temporary memory.</summary>
    private const long ChunkElements = 1 << 22;

    /// <param name="flat">Contiguous float32 of one dimension.</param>
    /// <returns>The sum; finite if and only if every element is.</returns>
    /// <exception cref="ArgumentException">The tensor has another type or shape.</exception>
    public static double Of(Tensor flat)
    {
        FlatKernel.CheckFlat(flat, nameof(flat), [float32], flat.numel());
        if (flat.device_type != DeviceType.CPU)
        {
            return ByOperators(flat);
        }

        var n = flat.numel();
        var sums = new double[(n + FlatKernel.Block - 1) / FlatKernel.Block];
        fixed (double* s = sums)
        {
            var work = new Work
            {
                Values = (float*)flat.DataPointer(),
                Sums = s,
                Count = n,
            };
            FlatKernel.OverBlocks(n, &Blocks, &work);
        }

        double total = 0;
        foreach (var sum in sums)
        {
            total += sum;
        }

        return total;
    }

    /// <summary>The sum by separate operators. Only the result goes to the host, which waits for the device once.</summary>
    internal static double ByOperators(Tensor flat)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (values, total) = (flat.detach(), zeros(1, float64, flat.device));
        for (long start = 0; start < values.numel(); start += ChunkElements)
        {
            using var chunk = NewDisposeScope();
            total.add_(values.narrow(0, start, Math.Min(ChunkElements, values.numel() - start)).to(float64).square().sum());
        }

        return total.item<double>();
    }

    [UnmanagedCallersOnly]
    private static void Blocks(long begin, long end, void* context)
    {
        var work = (Work*)context;
        for (var block = begin; block < end; block++)
        {
            var start = block * FlatKernel.Block;
            work->Sums[block] = OfBlock(work->Values + start, (int)Math.Min(FlatKernel.Block, work->Count - start));
        }
    }

    private static double OfBlock(float* x, int n)
    {
        Vector512<double> low = default,
            high = default;
        var i = 0;
        for (; i + Lanes <= n; i += Lanes)
        {
            var (l, h) = Vector512.Widen(Vector512.Load(x + i));
            low += l * l;
            high += h * h;
        }

        var lanes = stackalloc double[Lanes];
        low.Store(lanes);
        high.Store(lanes + (Lanes / 2));
        for (var rest = i; rest < n; rest++)
        {
            lanes[rest - i] += (double)x[rest] * x[rest];
        }

        double sum = 0;
        for (var lane = 0; lane < Lanes; lane++)
        {
            sum += lanes[lane];
        }

        return sum;
    }

    private struct Work
    {
        public float* Values;
        public double* Sums;
        public long Count;
    }
}
