using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>A flat buffer of Adam's moments in fp32, bf16, or one byte per element with a scale per block of 256.</summary>
/// <param name="Values">One-dimensional tensor of float32, bfloat16 or uint8.</param>
/// <param name="Scales">float32 scale of each block of bytes; null for other types.</param>
/// <param name="IsSquares">True for the second moment, which has no sign.</param>
public sealed record MomentBuffer(Tensor Values, Tensor? Scales, bool IsSquares) : IDisposable
{
    /// <summary>Slices must start and end at multiples of this.</summary>
    public const int Alignment = BlockCode.Block;

    /// <summary>True if the values are codes with scales.</summary>
    public bool IsCoded => Scales is not null;

    /// <summary>The tensors of the buffer.</summary>
    public IEnumerable<Tensor> Tensors => Scales is null ? [Values] : [Values, Scales];

    internal BlockCode Code => new(!IsSquares);

    /// <summary>Creates moments of zero.</summary>
    /// <param name="elements">Number of elements; for uint8 a multiple of <see cref="Alignment"/>.</param>
    /// <param name="type">float32, bfloat16 or uint8.</param>
    /// <param name="device">Device of the tensors.</param>
    /// <param name="isSquares">True for the second moment.</param>
    public static MomentBuffer Zeros(long elements, ScalarType type, Device device, bool isSquares)
    {
        using var scope = NewDisposeScope();
        var scales = type == uint8 ? zeros([elements / Alignment], float32, device).DetachFromDisposeScope() : null;
        return new MomentBuffer(zeros([elements], type, device).DetachFromDisposeScope(), scales, isSquares);
    }

    /// <summary>A view of a range, in the current dispose scope.</summary>
    public MomentBuffer Slice(long offset, long length) =>
        new(Values.narrow(0, offset, length), Scales?.narrow(0, offset / Alignment, length / Alignment), IsSquares);

    /// <summary>A copy in the current dispose scope.</summary>
    public MomentBuffer Copy() => new(Values.clone(), Scales?.clone(), IsSquares);

    /// <summary>Copies from a buffer of the same type and length.</summary>
    public void CopyFrom(MomentBuffer other)
    {
        Values.copy_(other.Values);
        Scales?.copy_(other.Scales!);
    }

    /// <summary>The values in fp32; the buffer itself if it is fp32.</summary>
    public Tensor ToFloat() => IsCoded ? Code.Decode(Values, Scales!) : Values.to(float32);

    /// <summary>Stores fp32 values, with stochastic rounding for other types.</summary>
    internal void Store(Tensor numbers, in StochasticRounding rounding)
    {
        if (IsCoded)
        {
            Code.Encode(numbers, Values, Scales!, rounding);
            return;
        }

        if (Values.dtype == bfloat16)
        {
            rounding.Round(numbers);
        }

        Values.copy_(numbers);
    }

    public void Dispose()
    {
        Values.Dispose();
        Scales?.Dispose();
    }
}

/// <summary>A <see cref="MomentBuffer"/> in host memory, for the fused pass.</summary>
internal readonly unsafe struct MomentPointer(MomentBuffer buffer, StochasticRounding rounding)
{
    private readonly nint _values = buffer.Values.DataPointer();
    private readonly float* _scales = (float*)(buffer.Scales?.DataPointer() ?? 0);
    private readonly BlockCode _code = buffer.Code;
    private readonly bool _isFloat = buffer.Values.dtype == float32;

    /// <summary>The values [start, start + n): in place if fp32, otherwise decoded into scratch memory.</summary>
    public float* Load(long start, int n, float* scratch)
    {
        if (_isFloat)
        {
            return (float*)_values + start;
        }

        if (_scales is null)
        {
            Bf16.Widen((ushort*)_values + start, scratch, n);
        }
        else
        {
            _code.Decode((byte*)_values + start, _scales + (start / BlockCode.Block), scratch, n);
        }

        return scratch;
    }

    /// <summary>Encodes the values that <see cref="Load"/> returned.</summary>
    public void Store(float* numbers, long start, int n)
    {
        if (_isFloat)
        {
            return;
        }

        if (_scales is not null)
        {
            _code.Encode(numbers, (byte*)_values + start, _scales + (start / BlockCode.Block), n, rounding, start);
            return;
        }

        rounding.Round(numbers, start, n);
        Bf16.Truncate(numbers, (ushort*)_values + start, n);
    }
}
