using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>A flat buffer of Adam's moments in fp32, in bf16, or in a byte an element with a scale for each block of 256.</summary>
/// <param name="Values">One dimension, float32, bfloat16 or uint8.</param>
/// <param name="Scales">float32, of each block of bytes; null where there are none.</param>
/// <param name="IsSquares">Whether it is the second moment, which has no sign.</param>
public sealed record MomentBuffer(Tensor Values, Tensor? Scales, bool IsSquares) : IDisposable
{
    /// <summary>What is cut must begin and end at multiples of this.</summary>
    public const int Alignment = BlockCode.Block;

    /// <summary>Bytes, rather than a type of numbers.</summary>
    public bool IsCoded => Scales is not null;

    /// <summary>What it consists of.</summary>
    public IEnumerable<Tensor> Tensors => Scales is null ? [Values] : [Values, Scales];

    internal BlockCode Code => new(!IsSquares);

    /// <summary>Moments of zero.</summary>
    /// <param name="elements">How many; for bytes a multiple of <see cref="Alignment"/>.</param>
    /// <param name="type">float32, bfloat16 or uint8.</param>
    /// <param name="device">Where.</param>
    /// <param name="isSquares">Whether it is the second moment.</param>
    public static MomentBuffer Zeros(long elements, ScalarType type, Device device, bool isSquares)
    {
        using var scope = NewDisposeScope();
        var scales = type == uint8 ? zeros([elements / Alignment], float32, device).DetachFromDisposeScope() : null;
        return new MomentBuffer(zeros([elements], type, device).DetachFromDisposeScope(), scales, isSquares);
    }

    /// <summary>A view of a part, in the current dispose scope.</summary>
    public MomentBuffer Slice(long offset, long length) =>
        new(Values.narrow(0, offset, length), Scales?.narrow(0, offset / Alignment, length / Alignment), IsSquares);

    /// <summary>A copy in the current dispose scope.</summary>
    public MomentBuffer Copy() => new(Values.clone(), Scales?.clone(), IsSquares);

    /// <summary>Overwrites it with another of its kind and length.</summary>
    public void CopyFrom(MomentBuffer other)
    {
        Values.copy_(other.Values);
        Scales?.copy_(other.Scales!);
    }

    /// <summary>The numbers that it stands for: fp32, itself where that is what it holds.</summary>
    public Tensor ToFloat() => IsCoded ? Code.Decode(Values, Scales!) : Values.to(float32);

    /// <summary>Overwrites it with numbers, rounded stochastically where it does not hold them.</summary>
    internal void Store(Tensor numbers, in StochasticRounding rounding)
    {
        if (IsCoded)
        {
            Code.Encode(numbers, Values, Scales!, rounding);
            return;
        }

        if (Values.dtype == bfloat16)
            rounding.Round(numbers);
        Values.copy_(numbers);
    }

    public void Dispose()
    {
        Values.Dispose();
        Scales?.Dispose();
    }
}
