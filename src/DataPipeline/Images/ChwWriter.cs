using System.Runtime.Intrinsics;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Converts 8-bit RGBX to planes of the output type: the levels themselves, or (value / 255 − mean) / std as one multiplication and one
/// addition.
/// </summary>
internal sealed unsafe class ChwWriter
{
    private readonly ImageType _type;
    private readonly float[] _factor = new float[3],
        _offset = new float[3];

    public ChwWriter(ImageType type, ImageNormalization normalization)
    {
        _type = type;
        for (var c = 0; c < 3; c++)
        {
            (_factor[c], _offset[c]) = (normalization.Factor(c), normalization.Offset(c));
        }
    }

    /// <summary>Writes three planes of <paramref name="pixels"/> values each: [3, pixels].</summary>
    public void Write(byte* rgbx, int pixels, Span<byte> chw)
    {
        fixed (byte* planes = chw)
        {
            for (var c = 0; c < 3; c++)
            {
                var plane = planes + ((long)c * pixels * _type.Bytes());
                switch (_type)
                {
                    case ImageType.UInt8:
                        Levels((uint*)rgbx, 8 * c, pixels, plane);
                        break;
                    case ImageType.Bf16:
                        Bf16((uint*)rgbx, 8 * c, pixels, _factor[c], _offset[c], (ushort*)plane);
                        break;
                    default:
                        Fp32((uint*)rgbx, 8 * c, pixels, _factor[c], _offset[c], (float*)plane);
                        break;
                }
            }
        }
    }

    private static void Levels(uint* rgbx, int shift, int pixels, byte* plane)
    {
        var i = 0;
        var mask = Vector256.Create(0xFFu);
        for (; i + 32 <= pixels; i += 32)
        {
            var first = Vector256.Narrow((Vector256.Load(rgbx + i) >>> shift) & mask, (Vector256.Load(rgbx + i + 8) >>> shift) & mask);
            var last = Vector256.Narrow((Vector256.Load(rgbx + i + 16) >>> shift) & mask, (Vector256.Load(rgbx + i + 24) >>> shift) & mask);
            Vector256.Narrow(first, last).Store(plane + i);
        }

        for (; i < pixels; i++)
        {
            plane[i] = (byte)(rgbx[i] >> shift);
        }
    }

    private static void Fp32(uint* rgbx, int shift, int pixels, float factor, float offset, float* plane)
    {
        var i = 0;
        for (; i + Vector256<float>.Count <= pixels; i += Vector256<float>.Count)
        {
            Normalize(rgbx + i, shift, factor, offset).Store(plane + i);
        }

        for (; i < pixels; i++)
        {
            plane[i] = ((rgbx[i] >> shift & 0xFF) * factor) + offset;
        }
    }

    private static void Bf16(uint* rgbx, int shift, int pixels, float factor, float offset, ushort* plane)
    {
        var i = 0;
        for (; i + 16 <= pixels; i += 16)
        {
            Vector256
                .Narrow(Rounded(Normalize(rgbx + i, shift, factor, offset)), Rounded(Normalize(rgbx + i + 8, shift, factor, offset)))
                .Store(plane + i);
        }

        for (; i < pixels; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(((rgbx[i] >> shift & 0xFF) * factor) + offset);
            plane[i] = (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }

    private static Vector256<float> Normalize(uint* rgbx, int shift, float factor, float offset)
    {
        var values = ((Vector256.Load(rgbx) >>> shift) & Vector256.Create(0xFFu)).AsInt32();
        return (Vector256.ConvertToSingle(values) * Vector256.Create(factor)) + Vector256.Create(offset);
    }

    /// <summary>The upper half of each value, rounded to nearest even; values must be finite.</summary>
    private static Vector256<uint> Rounded(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        return (bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256.Create(1u))) >>> 16;
    }
}
