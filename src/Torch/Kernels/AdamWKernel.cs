using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>Parameters of one AdamW step.</summary>
/// <param name="Step">Step number, from 1.</param>
/// <param name="GradientScale">Factor on the gradients, for example from clipping.</param>
public readonly record struct AdamWStep(
    long Step,
    double LearningRate,
    double Beta1,
    double Beta2,
    double Epsilon,
    double WeightDecay,
    double GradientScale
);

/// <summary>Flat buffers of equal length that a step reads and writes.</summary>
/// <param name="Parameters">fp32, or bf16 with stochastic rounding.</param>
/// <param name="Gradients">fp32; not modified.</param>
/// <param name="FirstMoment">Running mean of the gradient.</param>
/// <param name="SecondMoment">Running mean of the squared gradient.</param>
/// <param name="Compute">bf16 or fp16 copy that receives the new parameters, rounded to nearest even; null if there is none.</param>
public sealed record AdamWBuffers(Tensor Parameters, Tensor Gradients, MomentBuffer FirstMoment, MomentBuffer SecondMoment, Tensor? Compute)
{
    /// <summary>A view of a range, in the current dispose scope.</summary>
    public AdamWBuffers Slice(long offset, long length) =>
        new(
            Parameters.narrow(0, offset, length),
            Gradients.narrow(0, offset, length),
            FirstMoment.Slice(offset, length),
            SecondMoment.Slice(offset, length),
            Compute?.narrow(0, offset, length)
        );
}

/// <summary>Rounding of values that a buffer's type cannot represent. Both parts have the same first element.</summary>
/// <param name="Weights">Rounding of the new parameters to bf16; null for none.</param>
/// <param name="Moments">Rounding of moments that are not fp32; the second moment uses the inverted key.</param>
public readonly record struct AdamWRounding(StochasticRounding? Weights, StochasticRounding Moments)
{
    internal StochasticRounding SecondMoments => Moments with { Key = ~Moments.Key };

    internal AdamWRounding From(long element) =>
        new(
            Weights is { } weights ? weights with { First = weights.First + element } : null,
            Moments with
            {
                First = Moments.First + element,
            }
        );
}

/// <summary>
/// One AdamW step (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), computed as torch.optim.AdamW does:
/// g = gradient · scale; p ·= 1 − lr · decay; m = β1·m + (1−β1)·g; v = β2·v + (1−β2)·g²;
/// p −= lr/(1−β1^step) · m / (√v/√(1−β2^step) + ε).
/// </summary>
/// <remarks>
/// On the CPU this is one pass over memory without fused multiply-add. Its result depends neither on the number of threads nor on the
/// processor, because the workers of a run must agree on the weights.
/// </remarks>
public static unsafe class AdamWKernel
{
    /// <summary>Number of elements to decode at once, which fit into the L1 cache.</summary>
    private const int Piece = 2048;

    /// <summary>Number of elements that the separate operators process at once, which limits their temporary memory.</summary>
    private const long ChunkElements = 1 << 24;

    /// <param name="buffers">Buffers to update.</param>
    /// <param name="step">Parameters of the step.</param>
    /// <param name="rounding">Rounding; required if parameters or moments are not fp32.</param>
    /// <exception cref="ArgumentException">A buffer has the wrong type, shape or length.</exception>
    public static void Apply(AdamWBuffers buffers, in AdamWStep step, AdamWRounding rounding = default)
    {
        if (step.Step < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(step), step.Step, "Steps are counted from 1.");
        }

        Check(buffers, rounding);
        if (buffers.Parameters.device_type != DeviceType.CPU)
        {
            ApplyOperators(buffers, step, rounding);
            return;
        }

        var isNarrow = buffers.Parameters.dtype == bfloat16;
        var isHalf = buffers.Compute?.dtype == float16;
        var work = new Work
        {
            Parameters = isNarrow ? null : (float*)buffers.Parameters.DataPointer(),
            Narrow = isNarrow ? (ushort*)buffers.Parameters.DataPointer() : null,
            Gradients = (float*)buffers.Gradients.DataPointer(),
            First = new MomentPointer(buffers.FirstMoment, rounding.Moments),
            Second = new MomentPointer(buffers.SecondMoment, rounding.SecondMoments),
            Compute = isHalf ? null : (ushort*)(buffers.Compute?.DataPointer() ?? 0),
            Count = buffers.Parameters.numel(),
            Factors = new Factors(step),
            Rounding = rounding.Weights,
        };
        FlatKernel.OverBlocks(work.Count, &Blocks, &work);
        if (isHalf)
        {
            using var guard = no_grad();
            buffers.Compute!.copy_(buffers.Parameters);
        }
    }

    /// <summary>The same step with separate operators, for devices without the fused pass.</summary>
    internal static void ApplyOperators(AdamWBuffers buffers, in AdamWStep step, AdamWRounding rounding = default)
    {
        using var guard = no_grad();
        for (long start = 0; start < buffers.Parameters.numel(); start += ChunkElements)
        {
            using var scope = NewDisposeScope();
            ApplyToChunk(buffers.Slice(start, Math.Min(ChunkElements, buffers.Parameters.numel() - start)), step, rounding.From(start));
        }
    }

    private static void ApplyToChunk(AdamWBuffers buffers, in AdamWStep step, in AdamWRounding rounding)
    {
        var parameters = buffers.Parameters.to(float32);
        var (first, second) = (buffers.FirstMoment.ToFloat(), buffers.SecondMoment.ToFloat());
        var scaled = step.GradientScale == 1 ? buffers.Gradients : buffers.Gradients.mul(step.GradientScale);
        parameters.mul_(1 - (step.LearningRate * step.WeightDecay));
        first.mul_(step.Beta1).add_(scaled, 1 - step.Beta1);
        second.mul_(step.Beta2).addcmul_(scaled, scaled, 1 - step.Beta2);
        var denominator = second.sqrt().div_(Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step))).add_(step.Epsilon);
        parameters.addcdiv_(first, denominator, -step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
        rounding.Weights?.Round(parameters);
        buffers.Parameters.copy_(parameters);
        buffers.FirstMoment.Store(first, rounding.Moments);
        buffers.SecondMoment.Store(second, rounding.SecondMoments);
        buffers.Compute?.copy_(parameters);
    }

    private static void Check(AdamWBuffers buffers, in AdamWRounding rounding)
    {
        var n = buffers.Parameters.numel();
        FlatKernel.CheckFlat(buffers.Parameters, nameof(buffers.Parameters), rounding.Weights is null ? [float32] : [float32, bfloat16], n);
        FlatKernel.CheckFlat(buffers.Gradients, nameof(buffers.Gradients), [float32], n);
        foreach (
            var (moment, name) in new[]
            {
                (buffers.FirstMoment, nameof(buffers.FirstMoment)),
                (buffers.SecondMoment, nameof(buffers.SecondMoment)),
            }
        )
        {
            FlatKernel.CheckFlat(moment.Values, name, moment.IsCoded ? [uint8] : [float32, bfloat16], n);
            if (moment.IsCoded && n % MomentBuffer.Alignment != 0)
            {
                throw new ArgumentException(
                    $"'{name}' has {n} elements in bytes, which is not a multiple of {MomentBuffer.Alignment}.",
                    name
                );
            }
        }

        if (buffers.Compute is not null)
        {
            FlatKernel.CheckFlat(buffers.Compute, nameof(buffers.Compute), [bfloat16, float16], n);
        }
    }

    [UnmanagedCallersOnly]
    private static void Blocks(long begin, long end, void* context)
    {
        var work = (Work*)context;
        var scratch = stackalloc float[3 * Piece];
        var last = Math.Min(end * FlatKernel.Block, work->Count);
        for (var start = begin * FlatKernel.Block; start < last; start += Piece)
        {
            UpdatePiece(work, start, (int)Math.Min(Piece, last - start), scratch);
        }
    }

    /// <summary>Decodes values that are not fp32 into scratch memory, updates them, and encodes them again.</summary>
    private static void UpdatePiece(Work* work, long start, int n, float* scratch)
    {
        var parameters = work->Parameters + start;
        if (work->Narrow is not null)
        {
            Bf16.Widen(work->Narrow + start, parameters = scratch, n);
        }

        var first = work->First.Load(start, n, scratch + Piece);
        var second = work->Second.Load(start, n, scratch + (2 * Piece));
        Update(parameters, work->Gradients + start, first, second, n, work->Factors);
        work->First.Store(first, start, n);
        work->Second.Store(second, start, n);
        work->Rounding?.Round(parameters, start, n);
        if (work->Narrow is not null)
        {
            Bf16.Truncate(parameters, work->Narrow + start, n);
        }

        if (work->Compute is not null)
        {
            Bf16.Round(parameters, work->Compute + start, n);
        }
    }

    private static void Update(float* p, float* g, float* m, float* v, int n, in Factors c)
    {
        var (scale, beta1, rest1, beta2, rest2) = (
            Vector512.Create(c.Scale),
            Vector512.Create(c.Beta1),
            Vector512.Create(c.Rest1),
            Vector512.Create(c.Beta2),
            Vector512.Create(c.Rest2)
        );
        var (root, epsilon, decay, size) = (
            Vector512.Create(c.Root),
            Vector512.Create(c.Epsilon),
            Vector512.Create(c.Decay),
            Vector512.Create(c.Size)
        );
        var i = 0;
        for (; i + Vector512<float>.Count <= n; i += Vector512<float>.Count)
        {
            var gradient = Vector512.Load(g + i) * scale;
            var first = (beta1 * Vector512.Load(m + i)) + (rest1 * gradient);
            var second = (beta2 * Vector512.Load(v + i)) + (rest2 * gradient * gradient);
            first.Store(m + i);
            second.Store(v + i);
            var denominator = (Vector512.Sqrt(second) / root) + epsilon;
            ((Vector512.Load(p + i) * decay) - (size * first / denominator)).Store(p + i);
        }

        for (; i < n; i++)
        {
            var gradient = g[i] * c.Scale;
            m[i] = (c.Beta1 * m[i]) + (c.Rest1 * gradient);
            v[i] = (c.Beta2 * v[i]) + (c.Rest2 * gradient * gradient);
            p[i] = (p[i] * c.Decay) - (c.Size * m[i] / ((MathF.Sqrt(v[i]) / c.Root) + c.Epsilon));
        }
    }

    /// <summary>The coefficients of the formula, in fp32.</summary>
    private readonly struct Factors(in AdamWStep step)
    {
        public readonly float Scale = (float)step.GradientScale,
            Beta1 = (float)step.Beta1,
            Rest1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            Rest2 = (float)(1 - step.Beta2);
        public readonly float Root = (float)Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)),
            Epsilon = (float)step.Epsilon;
        public readonly float Decay = (float)(1 - (step.LearningRate * step.WeightDecay)),
            Size = (float)(step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
    }

    private struct Work
    {
        public float* Parameters,
            Gradients;
        public ushort* Narrow,
            Compute;
        public MomentPointer First,
            Second;
        public long Count;
        public Factors Factors;
        public StochasticRounding? Rounding;
    }
}
