using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>A <see cref="MomentBuffer"/> in host memory, as the fused pass reads and writes it.</summary>
internal readonly unsafe struct MomentPointer(MomentBuffer buffer, StochasticRounding rounding)
{
    private readonly nint _values = buffer.Values.DataPointer();
    private readonly float* _scales = (float*)(buffer.Scales?.DataPointer() ?? 0);
    private readonly BlockCode _code = buffer.Code;
    private readonly bool _isFloat = buffer.Values.dtype == float32;

    /// <summary>The numbers [start, start + n): where they lie, or decoded into the scratch memory.</summary>
    public float* Load(long start, int n, float* scratch)
    {
        if (_isFloat)
            return (float*)_values + start;
        if (_scales is null)
            Bf16.Widen((ushort*)_values + start, scratch, n);
        else
            _code.Decode((byte*)_values + start, _scales + (start / BlockCode.Block), scratch, n);
        return scratch;
    }

    /// <summary>Encodes what <see cref="Load"/> gave.</summary>
    public void Store(float* numbers, long start, int n)
    {
        if (_isFloat)
            return;
        if (_scales is not null)
        {
            _code.Encode(numbers, (byte*)_values + start, _scales + (start / BlockCode.Block), n, rounding, start);
            return;
        }

        rounding.Round(numbers, start, n);
        Bf16.Truncate(numbers, (ushort*)_values + start, n);
    }
}
