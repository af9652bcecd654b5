using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;
using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace ClipTrain.Torch.Kernels;

/// <summary>
/// The passes of <see cref="BatchNormKernel"/> over tensors in which the channels of a pixel lie side by side. The terms of the channels are
/// repeated to a period of whole vectors, so that no pass needs to know where a pixel ends. Sums are fp64, in a fixed order.
/// </summary>
internal static unsafe class ChannelPasses
{
    /// <summary>Number of elements handled at once; a tensor must have a multiple of it.</summary>
    public const int Unit = 2 * Lanes;

    private const int Lanes = 16;

    /// <summary>Minimum length of a period, so that additions to the same sum are some vectors apart.</summary>
    private const int ShortestPeriod = 64;

    /// <summary>Minimum number of periods in a block, so that its sums are few beside its elements.</summary>
    private const int BlockPeriods = 64;

    /// <summary>Σ(x − origin) and Σ(x − origin)² of each channel.</summary>
    public static (double[] Sums, double[] Squares) Moments(Tensor x, float[] origin) => Sum(new Work(x, Pass.Moments), origin);

    /// <summary>y = (x − mean) · scale + bias, or with <paramref name="relu"/> max(0, ·) of that.</summary>
    public static void Normalize(Tensor x, Tensor y, float[] mean, float[] scale, float[] bias, bool relu) =>
        Run(new Work(x, Pass.Normalize) { Output = (void*)y.DataPointer(), Relu = relu }, mean, scale, bias);

    /// <summary>Σ∂y and Σ∂y · (x − mean) of each channel, where ∂y is zero where the ReLU was.</summary>
    public static (double[] Sums, double[] Products) GradientSums(
        Tensor x,
        Tensor gradient,
        float[] mean,
        float[] scale,
        float[] bias,
        bool relu
    ) => Sum(new Work(x, Pass.GradientSums) { Gradient = (void*)gradient.DataPointer(), Relu = relu }, mean, scale, bias);

    /// <summary>∂x = scale · (∂y − constant) − (x − mean) · slope.</summary>
    public static void InputGradient(Tensor x, Tensor gradient, Tensor output, bool relu, params ReadOnlySpan<float[]> terms) =>
        Run(
            new Work(x, Pass.InputGradient)
            {
                Gradient = (void*)gradient.DataPointer(),
                Output = (void*)output.DataPointer(),
                Relu = relu,
            },
            terms
        );

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
            if (work->IsNarrow)
            {
                Block<ushort>(work, block);
            }
            else
            {
                Block<float>(work, block);
            }
        }
    }

    private static void Block<T>(Work* work, long block)
        where T : unmanaged
    {
        switch (work->Pass)
        {
            case Pass.Moments:
                Moments<T>(work, block);
                break;
            case Pass.Normalize:
                Normalize<T>(work, block);
                break;
            case Pass.GradientSums:
                GradientSums<T>(work, block);
                break;
            default:
                InputGradient<T>(work, block);
                break;
        }
    }

    private static void Moments<T>(Work* work, long block)
        where T : unmanaged
    {
        var (start, n, period) = work->Range(block);
        var x = (T*)work->Input + start;
        var origin = work->Terms;
        var sums = work->Sums + (block * 2 * period);
        var j = 0;
        for (var i = 0; i < n; i += Unit)
        {
            var (low, high) = Centred(x + i, origin + j);
            Add(sums + j, low, high);
            Add(sums + period + j, low * low, high * high);
            j = j + Unit == period ? 0 : j + Unit;
        }
    }

    private static void Normalize<T>(Work* work, long block)
        where T : unmanaged
    {
        var (start, n, period) = work->Range(block);
        var x = (T*)work->Input + start;
        var y = (T*)work->Output + start;
        var terms = work->Terms;
        var j = 0;
        for (var i = 0; i < n; i += Unit)
        {
            var (low, high) = Centred(x + i, terms + j);
            low = Normalized(low, terms + j, period);
            high = Normalized(high, terms + j + Lanes, period);
            if (work->Relu)
            {
                low = Vector512.ConditionalSelect(Vector512.LessThan(low, Vector.Zero), Vector.Zero, low);
                high = Vector512.ConditionalSelect(Vector512.LessThan(high, Vector.Zero), Vector.Zero, high);
            }

            Store(y + i, low, high);
            j = j + Unit == period ? 0 : j + Unit;
        }
    }

    private static void GradientSums<T>(Work* work, long block)
        where T : unmanaged
    {
        var (start, n, period) = work->Range(block);
        var x = (T*)work->Input + start;
        var gradient = (T*)work->Gradient + start;
        var terms = work->Terms;
        var sums = work->Sums + (block * 2 * period);
        var j = 0;
        for (var i = 0; i < n; i += Unit)
        {
            var (low, high) = Centred(x + i, terms + j);
            var (lowGradient, highGradient) = Load(gradient + i);
            if (work->Relu)
            {
                lowGradient = Passed(lowGradient, low, terms + j, period);
                highGradient = Passed(highGradient, high, terms + j + Lanes, period);
            }

            Add(sums + j, lowGradient, highGradient);
            Add(sums + period + j, lowGradient * low, highGradient * high);
            j = j + Unit == period ? 0 : j + Unit;
        }
    }

    private static void InputGradient<T>(Work* work, long block)
        where T : unmanaged
    {
        var (start, n, period) = work->Range(block);
        var x = (T*)work->Input + start;
        var gradient = (T*)work->Gradient + start;
        var output = (T*)work->Output + start;
        var terms = work->Terms;
        var j = 0;
        for (var i = 0; i < n; i += Unit)
        {
            var (low, high) = Centred(x + i, terms + j);
            var (lowGradient, highGradient) = Load(gradient + i);
            if (work->Relu)
            {
                lowGradient = Passed(lowGradient, low, terms + j, period);
                highGradient = Passed(highGradient, high, terms + j + Lanes, period);
            }

            Store(output + i, ToInput(lowGradient, low, terms + j, period), ToInput(highGradient, high, terms + j + Lanes, period));
            j = j + Unit == period ? 0 : j + Unit;
        }
    }

    /// <summary>x − mean, where the mean is the first of the terms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector Low, Vector High) Centred<T>(T* x, float* terms)
        where T : unmanaged
    {
        var (low, high) = Load(x);
        return (low - Vector512.Load(terms), high - Vector512.Load(terms + Lanes));
    }

    /// <summary>centred · scale + bias, where these are the second and third of the terms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector Normalized(Vector centred, float* terms, int period) =>
        Vector512.FusedMultiplyAdd(centred, Vector512.Load(terms + period), Vector512.Load(terms + (2 * period)));

    /// <summary>The gradient where the ReLU let the normalised input pass, else zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector Passed(Vector gradient, Vector centred, float* terms, int period) =>
        Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Normalized(centred, terms, period), Vector.Zero), Vector.Zero, gradient);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector ToInput(Vector gradient, Vector centred, float* terms, int period) =>
        ((gradient - Vector512.Load(terms + (3 * period))) * Vector512.Load(terms + period))
        - (centred * Vector512.Load(terms + (4 * period)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* sums, Vector low, Vector high)
    {
        Add(sums, low);
        Add(sums + Lanes, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* sums, Vector x)
    {
        var (low, high) = Vector512.Widen(x);
        (Vector512.Load(sums) + low).Store(sums);
        (Vector512.Load(sums + (Lanes / 2)) + high).Store(sums + (Lanes / 2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector Low, Vector High) Load<T>(T* from)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            return (Vector512.Load((float*)from), Vector512.Load((float*)from + Lanes));
        }

        var (low, high) = Vector512.Widen(Vector512.Load((ushort*)from));
        return ((low << 16).AsSingle(), (high << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T>(T* to, Vector low, Vector high)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            low.Store((float*)to);
            high.Store((float*)to + Lanes);
        }
        else
        {
            Vector512.Narrow(Bf16.Upper(low), Bf16.Upper(high)).Store((ushort*)to);
        }
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
        public readonly void* Input;
        public readonly bool IsNarrow;
        public readonly int Channels,
            Period;
        public readonly long Blocks;
        public void* Output,
            Gradient;
        public bool Relu;
        public float* Terms;
        public double* Sums;
        private readonly long _count,
            _block;

        public Work(Tensor x, Pass pass)
        {
            Input = (void*)x.DataPointer();
            (Pass, IsNarrow, _count) = (pass, x.dtype == bfloat16, x.numel());
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
