using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>The numbers of one AdamW step.</summary>
/// <param name="Step">Which it is, counted from 1.</param>
/// <param name="GradientScale">A factor on the gradients, as from clipping.</param>
public readonly record struct AdamWStep(long Step, double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, double GradientScale);

/// <summary>Flat buffers of one length that a step reads and writes.</summary>
/// <param name="Parameters">fp32.</param>
/// <param name="Gradients">fp32; not changed.</param>
/// <param name="FirstMoment">fp32.</param>
/// <param name="SecondMoment">fp32.</param>
/// <param name="Compute">bf16; receives the new parameters rounded to the nearest, ties to even. Null where there is no copy.</param>
public sealed record AdamWBuffers(Tensor Parameters, Tensor Gradients, Tensor FirstMoment, Tensor SecondMoment, Tensor? Compute);

/// <summary>
/// One AdamW step (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), computed as torch.optim.AdamW does:
/// g = gradient · scale; p ·= 1 − lr · decay; m = β1·m + (1−β1)·g; v = β2·v + (1−β2)·g²;
/// p −= lr/(1−β1^step) · m / (√v/√(1−β2^step) + ε).
/// </summary>
/// <remarks>
/// On the CPU it is one pass over memory, without fused multiply-add, whose bits depend neither on the number of threads nor on
/// the processor: the workers of a run must agree on the weights.
/// </remarks>
public static unsafe class AdamWKernel
{
    /// <param name="buffers">What is updated.</param>
    /// <param name="step">By what numbers.</param>
    /// <param name="rounding">When given, the new parameters are rounded so before they are copied.</param>
    /// <exception cref="ArgumentException">A buffer is of another type, shape or length.</exception>
    public static void Apply(AdamWBuffers buffers, in AdamWStep step, StochasticRounding? rounding = null)
    {
        if (step.Step < 1)
            throw new ArgumentOutOfRangeException(nameof(step), step.Step, "Steps are counted from 1.");
        var n = buffers.Parameters.numel();
        FlatKernel.CheckFlat(buffers.Parameters, nameof(buffers.Parameters), float32, n);
        FlatKernel.CheckFlat(buffers.Gradients, nameof(buffers.Gradients), float32, n);
        FlatKernel.CheckFlat(buffers.FirstMoment, nameof(buffers.FirstMoment), float32, n);
        FlatKernel.CheckFlat(buffers.SecondMoment, nameof(buffers.SecondMoment), float32, n);
        if (buffers.Compute is not null)
            FlatKernel.CheckFlat(buffers.Compute, nameof(buffers.Compute), bfloat16, n);
        if (buffers.Parameters.device_type != DeviceType.CPU)
        {
            ApplyOperators(buffers, step, rounding);
            return;
        }

        var work = new Work
        {
            Parameters = (float*)buffers.Parameters.DataPointer(),
            Gradients = (float*)buffers.Gradients.DataPointer(),
            First = (float*)buffers.FirstMoment.DataPointer(),
            Second = (float*)buffers.SecondMoment.DataPointer(),
            Compute = (ushort*)(buffers.Compute?.DataPointer() ?? 0),
            Count = n,
            Factors = new Factors(step),
            Rounding = rounding,
        };
        FlatKernel.OverBlocks(n, &Blocks, &work);
    }

    /// <summary>The same step from separate operators, for devices that the fused pass does not serve.</summary>
    internal static void ApplyOperators(AdamWBuffers buffers, in AdamWStep step, StochasticRounding? rounding = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (parameters, first, second) = (buffers.Parameters, buffers.FirstMoment, buffers.SecondMoment);
        var scaled = step.GradientScale == 1 ? buffers.Gradients : buffers.Gradients.mul(step.GradientScale);
        parameters.mul_(1 - (step.LearningRate * step.WeightDecay));
        first.mul_(step.Beta1).add_(scaled, 1 - step.Beta1);
        second.mul_(step.Beta2).addcmul_(scaled, scaled, 1 - step.Beta2);
        var denominator = second.sqrt().div_(Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step))).add_(step.Epsilon);
        parameters.addcdiv_(first, denominator, -step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
        rounding?.Round(parameters);
        buffers.Compute?.copy_(parameters);
    }

    [UnmanagedCallersOnly]
    private static void Blocks(long begin, long end, void* context)
    {
        var work = (Work*)context;
        for (var block = begin; block < end; block++)
        {
            var start = block * FlatKernel.Block;
            var n = (int)Math.Min(FlatKernel.Block, work->Count - start);
            var parameters = work->Parameters + start;
            Update(parameters, work->Gradients + start, work->First + start, work->Second + start, n, work->Factors);
            work->Rounding?.Round(parameters, start, n);
            if (work->Compute is not null)
                Bf16.Round(parameters, work->Compute + start, n);
        }
    }

    private static void Update(float* p, float* g, float* m, float* v, int n, in Factors c)
    {
        var (scale, beta1, rest1, beta2, rest2) = (Vector512.Create(c.Scale), Vector512.Create(c.Beta1), Vector512.Create(c.Rest1), Vector512.Create(c.Beta2), Vector512.Create(c.Rest2));
        var (root, epsilon, decay, size) = (Vector512.Create(c.Root), Vector512.Create(c.Epsilon), Vector512.Create(c.Decay), Vector512.Create(c.Size));
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

    /// <summary>The step's numbers as the formula uses them, in fp32.</summary>
    private readonly struct Factors(in AdamWStep step)
    {
        public readonly float Scale = (float)step.GradientScale, Beta1 = (float)step.Beta1, Rest1 = (float)(1 - step.Beta1), Beta2 = (float)step.Beta2, Rest2 = (float)(1 - step.Beta2);
        public readonly float Root = (float)Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)), Epsilon = (float)step.Epsilon;
        public readonly float Decay = (float)(1 - (step.LearningRate * step.WeightDecay)), Size = (float)(step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
    }

    private struct Work
    {
        public float* Parameters, Gradients, First, Second;
        public ushort* Compute;
        public long Count;
        public Factors Factors;
        public StochasticRounding? Rounding;
    }
}
