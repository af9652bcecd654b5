using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>
/// Block-wise 8-bit code: a byte per element and a fp32 scale, the largest magnitude, per block of 256 (Dettmers et al. 2022, "8-bit
/// Optimizers via Block-wise Quantization", arXiv 2110.02861). With u = |x| / scale in [0, 1], the code counts the steps of a four-bit
/// mantissa by which u + δ lies above δ = 2^−octaves: linear below δ, sixteen steps per octave above. Stochastic rounding keeps decays
/// of less than a step on average, which rounding to nearest would lose.
/// </summary>
/// <remarks>
/// Signed values have seven octaves and the sign in the upper bit. Unsigned values, which are squares, have fifteen octaves, and only
/// zero has the code zero, because the square root is a divisor.
/// </remarks>
internal readonly unsafe struct BlockCode(bool signed)
{
    /// <summary>Elements that share a scale.</summary>
    public const int Block = 256;

    /// <summary>Number of dropped bits of fp32's 23-bit mantissa, of which four are kept.</summary>
    private const int Dropped = 19;

    /// <summary>There are sixteen random bits; the lowest dropped bits count as zero.</summary>
    private const int RandomShift = Dropped - 16;

    /// <summary>Elements that the operators encode at once: a multiple of the block, for little temporary memory.</summary>
    private const long ChunkElements = 1 << 22;

    private const uint Sign = 0x80,
        Magnitude = 0x7F;
    private const float SmallestNormal = 1.17549435E-38f;

    private readonly uint _deltaBits = (uint)(127 - (signed ? 7 : 15)) << 23;

    private float Delta => BitConverter.UInt32BitsToSingle(_deltaBits);

    /// <summary>Encodes n values (whole blocks), the first of which is the rounding's element <paramref name="begin"/>.</summary>
    public void Encode(float* values, byte* codes, float* scales, int n, in StochasticRounding rounding, long begin)
    {
        var codeBuffer = stackalloc uint[Vector256<byte>.Count];
        for (var block = 0; block < n; block += Block)
        {
            var scale = Largest(values + block);
            scales[block / Block] = scale = scale < SmallestNormal ? 0 : scale;
            var random = rounding.BitsFrom(begin + block);
            var inverse = Vector256.Create(scale == 0 ? 0 : 1 / scale);
            for (var i = 0; i < Block; i += Vector256<byte>.Count)
            {
                for (var part = 0; part < Vector256<byte>.Count; part += Vector256<uint>.Count)
                {
                    Code(Vector256.Load(values + block + i + part), inverse, random.Next((uint)(i + part))).Store(codeBuffer + part);
                }

                Vector256
                    .Narrow(
                        Vector256.Narrow(Vector256.Load(codeBuffer), Vector256.Load(codeBuffer + 8)),
                        Vector256.Narrow(Vector256.Load(codeBuffer + 16), Vector256.Load(codeBuffer + 24))
                    )
                    .Store(codes + block + i);
            }
        }
    }

    /// <summary>Decodes n values (whole blocks).</summary>
    public void Decode(byte* codes, float* scales, float* values, int n)
    {
        for (var i = 0; i < n; i += Vector256<byte>.Count)
        {
            var scale = Vector256.Create(scales[i / Block]);
            var (low, high) = Vector256.Widen(Vector256.Load(codes + i));
            var ((a, b), (c, d)) = (Vector256.Widen(low), Vector256.Widen(high));
            Value(a, scale).Store(values + i);
            Value(b, scale).Store(values + i + 8);
            Value(c, scale).Store(values + i + 16);
            Value(d, scale).Store(values + i + 24);
        }
    }

    /// <summary>
    /// <see cref="Encode(float*, byte*, float*, int, in StochasticRounding, long)"/> with separate operators and the same bits, on any
    /// device.
    /// </summary>
    public void Encode(Tensor values, Tensor codes, Tensor scales, in StochasticRounding rounding)
    {
        for (long start = 0; start < values.numel(); start += ChunkElements)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(ChunkElements, values.numel() - start);
            EncodeChunk(
                values.narrow(0, start, count),
                codes.narrow(0, start, count),
                scales.narrow(0, start / Block, count / Block),
                rounding.Bits(start, count, values.device)
            );
        }
    }

    private void EncodeChunk(Tensor values, Tensor codes, Tensor scales, Tensor bits)
    {
        var blocks = values.view([-1, Block]);
        var largest = blocks.abs().amax([1]);
        scales.copy_(where(largest.lt(SmallestNormal), zeros_like(largest), largest));
        var inverse = where(scales.eq(0), zeros_like(scales), scales.reciprocal());
        var shifted = (blocks.abs() * inverse.unsqueeze(1)) + Delta;
        var random = bits.view([-1, Block]).bitwise_left_shift(tensor((long)RandomShift));
        var code = (shifted.ViewAs(int32).to(int64) - _deltaBits + random).bitwise_right_shift(tensor((long)Dropped));
        code = signed
            ? where(blocks.ViewAs(int32).lt(0), code + (long)Sign, code)
            : where(blocks.gt(0).logical_and(inverse.unsqueeze(1).gt(0)), code.clamp_min(1), code);
        codes.copy_(code.flatten());
    }

    /// <summary><see cref="Decode(byte*, float*, float*, int)"/> with separate operators.</summary>
    public Tensor Decode(Tensor codes, Tensor scales)
    {
        var code = codes.to(int32).view([-1, Block]);
        var magnitude = signed ? code.bitwise_and(tensor((int)Magnitude, int32)) : code;
        var values = (((magnitude * (1 << Dropped)) + (int)_deltaBits).to(int32).ViewAs(float32) - Delta) * scales.unsqueeze(1);
        return (signed ? where(code.ge((int)Sign), values.neg(), values) : values).flatten();
    }

    private static float Largest(float* values)
    {
        var largest = Vector256<float>.Zero;
        for (var i = 0; i < Block; i += Vector256<float>.Count)
        {
            largest = Vector256.Max(largest, Vector256.Abs(Vector256.Load(values + i)));
        }

        float result = 0;
        for (var lane = 0; lane < Vector256<float>.Count; lane++)
        {
            result = Math.Max(result, largest[lane]);
        }

        return result;
    }

    private Vector256<uint> Code(Vector256<float> x, Vector256<float> inverse, Vector256<uint> random)
    {
        var shifted = (Vector256.Abs(x) * inverse) + Vector256.Create(Delta);
        var code = (shifted.AsUInt32() - Vector256.Create(_deltaBits) + (random << RandomShift)) >>> Dropped;
        return signed
            ? code | ((x.AsUInt32() >>> 24) & Vector256.Create(Sign))
            : Vector256.Max(
                code,
                (Vector256.GreaterThan(x, Vector256<float>.Zero) & Vector256.GreaterThan(inverse, Vector256<float>.Zero)).AsUInt32()
                    & Vector256<uint>.One
            );
    }

    private Vector256<float> Value(Vector256<uint> code, Vector256<float> scale)
    {
        var magnitude = signed ? code & Vector256.Create(Magnitude) : code;
        var value = (((magnitude << Dropped) + Vector256.Create(_deltaBits)).AsSingle() - Vector256.Create(Delta)) * scale;
        return signed ? (value.AsUInt32() | ((code & Vector256.Create(Sign)) << 24)).AsSingle() : value;
    }
}
