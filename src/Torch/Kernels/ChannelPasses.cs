using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;
using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace ClipTrain.Torch.Kernels;

/// <summary>
/// The passes of <see cref="BatchNormKernel"/> over fp32 tensors in which the channels of a pixel lie side by side. The terms of the channels
/// are repeated to a period of whole vectors, so that no pass needs to know where a pixel ends. Sums are fp64, in a fixed order.
/// </summary>
internal static unsafe class ChannelPasses
{
    /// <summary>Number of elements handled at once; a tensor must have a multiple of it.</summary>
    public const int Lanes = 16;

    /// <summary>Minimum length of a period, so that additions to the same sum are some vectors apart.</summary>
    private const int ShortestPeriod = 64;

    /// <summary>Minimum number of periods in a block, so that its sums are few beside its elements.</summary>
    private const int BlockPeriods = 64;

    /// <summary>Σ(x − origin) and Σ(x − origin)² of each channel.</summary>
    public static (double[] Sums, double[] Squares) Moments(Tensor x, float[] origin) => Sum(new Work(x, Pass.Moments), origin);

    /// <summary>y = (x − mean) · scale + bias, or with <paramref name="relu"/> max(0, ·) of that.</summary>
    public static void Normalize(Tensor x, Tensor y, float[] mean, float[] scale, float[] bias, bool relu) =>
        Run(new Work(x, Pass.Normalize) { Output = y.Data(), Relu = relu }, mean, scale, bias);

    /// <summary>Σ∂y and Σ∂y · (x − mean) of each channel, where ∂y is zero where the ReLU was.</summary>
    public static (double[] Sums, double[] Products) GradientSums(
        Tensor x,
        Tensor gradient,
        float[] mean,
        float[] scale,
        float[] bias,
        bool relu
    ) => Sum(new Work(x, Pass.GradientSums) { Gradient = gradient.Data(), Relu = relu }, mean, scale, bias);

    /// <summary>∂x = scale · (∂y − constant) − (x − mean) · slope.</summary>
    public static void InputGradient(Tensor x, Tensor gradient, Tensor output, bool relu, params ReadOnlySpan<float[]> terms) =>
        Run(
            new Work(x, Pass.InputGradient)
            {
                Gradient = gradient.Data(),
                Output = output.Data(),
                Relu = relu,
            },
            terms
        );

    private static float* Data(this Tensor tensor) => (float*)tensor.DataPointer();

    private static (double[], double[]) Sum(Work work, params ReadOnlySpan<float[]> terms)
    {
        var partial = new double[work.Blocks * 2 * work.Period];
        fixed (double* sums = partial)
        {
            work.Sums = sums;
            Run(work, terms);
        }

        var (first, second) = (new double[work.Channels], new double[work.Channels]);
        for (var row = 0; row < partial.Length; row += 2 * work.Period)
        {
            for (var pixel = row; pixel < row + work.Period; pixel += work.Channels)
            {
                for (var c = 0; c < work.Channels; c++)
                {
                    first[c] += partial[pixel + c];
                    second[c] += partial[pixel + work.Period + c];
                }
            }
        }

        return (first, second);
    }

    private static void Run(Work work, params ReadOnlySpan<float[]> terms)
    {
        var repeated = new float[terms.Length * work.Period];
        for (var i = 0; i < repeated.Length; i++)
        {
            repeated[i] = terms[i / work.Period][i % work.Period % work.Channels];
        }

        fixed (float* t = repeated)
        {
            work.Terms = t;
            FlatKernel.ForBlocks(work.Blocks, &Blocks, &work);
        }
    }

    [UnmanagedCallersOnly]
    private static void Blocks(long begin, long end, void* context)
    {
        var work = (Work*)context;
        for (var block = begin; block < end; block++)
        {
            switch (work->Pass)
            {
                case Pass.Moments:
                    Moments(work, block);
                    break;
                case Pass.Normalize:
                    Normalize(work, block);
                    break;
                case Pass.GradientSums:
                    GradientSums(work, block);
                    break;
                default:
                    InputGradient(work, block);
                    break;
            }
        }
    }

    private static void Moments(Work* work, long block)
    {
        var (start, n, period) = work->Range(block);
        var x = work->Input + start;
        var origin = work->Terms;
        var sums = work->Sums + (block * 2 * period);
        var j = 0;
        for (var i = 0; i < n; i += Lanes)
        {
            var difference = Vector512.Load(x + i) - Vector512.Load(origin + j);
            Add(sums + j, difference);
            Add(sums + period + j, difference * difference);
            j = j + Lanes == period ? 0 : j + Lanes;
        }
    }

    private static void Normalize(Work* work, long block)
    {
        var (start, n, period) = work->Range(block);
        var x = work->Input + start;
        var y = work->Output + start;
        var j = 0;
        for (var i = 0; i < n; i += Lanes)
        {
            var terms = work->Terms + j;
            var normalized = Normalized(Vector512.Load(x + i) - Vector512.Load(terms), terms, period);
            if (work->Relu)
            {
                normalized = Vector512.ConditionalSelect(Vector512.LessThan(normalized, Vector.Zero), Vector.Zero, normalized);
            }

            normalized.Store(y + i);
            j = j + Lanes == period ? 0 : j + Lanes;
        }
    }

    private static void GradientSums(Work* work, long block)
    {
        var (start, n, period) = work->Range(block);
        var x = work->Input + start;
        var gradients = work->Gradient + start;
        var sums = work->Sums + (block * 2 * period);
        var j = 0;
        for (var i = 0; i < n; i += Lanes)
        {
            var (centred, gradient) = Passed(work, x + i, gradients + i, j, period);
            Add(sums + j, gradient);
            Add(sums + period + j, gradient * centred);
            j = j + Lanes == period ? 0 : j + Lanes;
        }
    }

    private static void InputGradient(Work* work, long block)
    {
        var (start, n, period) = work->Range(block);
        var x = work->Input + start;
        var gradients = work->Gradient + start;
        var output = work->Output + start;
        var j = 0;
        for (var i = 0; i < n; i += Lanes)
        {
            var terms = work->Terms + j;
            var (centred, gradient) = Passed(work, x + i, gradients + i, j, period);
            var ofOutput = (gradient - Vector512.Load(terms + (3 * period))) * Vector512.Load(terms + period);
            (ofOutput - (centred * Vector512.Load(terms + (4 * period)))).Store(output + i);
            j = j + Lanes == period ? 0 : j + Lanes;
        }
    }

    /// <summary>x − mean, where the mean is the first of the terms, and ∂y, or zero where the ReLU was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector Centred, Vector Gradient) Passed(Work* work, float* x, float* gradient, int j, int period)
    {
        var terms = work->Terms + j;
        var centred = Vector512.Load(x) - Vector512.Load(terms);
        var passed = Vector512.Load(gradient);
        if (work->Relu)
        {
            passed = Vector512.ConditionalSelect(
                Vector512.LessThanOrEqual(Normalized(centred, terms, period), Vector.Zero),
                Vector.Zero,
                passed
            );
        }

        return (centred, passed);
    }

    /// <summary>centred · scale + bias, where these are the second and third of the terms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector Normalized(Vector centred, float* terms, int period) =>
        Vector512.FusedMultiplyAdd(centred, Vector512.Load(terms + period), Vector512.Load(terms + (2 * period)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* sums, Vector x)
    {
        var (low, high) = Vector512.Widen(x);
        (Vector512.Load(sums) + low).Store(sums);
        (Vector512.Load(sums + (Lanes / 2)) + high).Store(sums + (Lanes / 2));
    }

    private enum Pass
    {
        Moments,
        Normalize,
        GradientSums,
        InputGradient,
    }

    private struct Work
    {
        public readonly Pass Pass;
        public readonly float* Input;
        public readonly int Channels,
            Period;
        public readonly long Blocks;
        public float* Output,
            Gradient,
            Terms;
        public bool Relu;
        public double* Sums;
        private readonly long _count,
            _block;

        public Work(Tensor x, Pass pass)
        {
            Input = x.Data();
            (Pass, _count) = (pass, x.numel());
            Channels = (int)x.size(1);
            Period = Channels;
            while (Period % ShortestPeriod != 0)
            {
                Period += Channels;
            }

            _block = Period * Math.Max(BlockPeriods, FlatKernel.Block / Period);
            Blocks = (_count + _block - 1) / _block;
        }

        public readonly (long Start, long Count, int Period) Range(long block) =>
            (block * _block, Math.Min(_block, _count - (block * _block)), Period);
    }
}
