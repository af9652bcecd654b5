using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// JFIF's YCbCr to RGBX: R = Y + 1.402 Cr, G = Y − 0.344136 Cb − 0.714136 Cr, B = Y + 1.772 Cb, with chroma relative to 128. Inputs have
/// <see cref="PlaneRow.LevelBits"/> fractional bits; rounded and clamped once, at the end. The AVX2 and the portable form give the same
/// bytes.
/// </summary>
internal static unsafe class YcbcrRow
{
    /// <summary>The AVX2 form writes whole blocks of this many pixels.</summary>
    public const int Block = 16;

    private const short Centre = 128 << PlaneRow.LevelBits,
        Half = 1 << (PlaneRow.LevelBits - 1);

    /// <summary>Factors in 1/32,768; larger ones are split: 1.402 = 1 + 0.402, 1.772 = 2 − 0.228.</summary>
    private const short RedOfRed = 13173,
        GreenOfBlue = 11277,
        GreenOfRed = 23401,
        BlueOfBlue = 7471;

    public static void ConvertAvx2(short* luma, short* blue, short* red, int pixels, byte* rgbx)
    {
        for (var i = 0; i < pixels; i += Block, rgbx += Block * PixelBuffer.BytesPerPixel)
        {
            var y = Avx2.AddSaturate(Vector256.Load(luma + i), Vector256.Create(Half));
            Vector256<short> cb = Vector256.Load(blue + i) - Vector256.Create(Centre),
                cr = Vector256.Load(red + i) - Vector256.Create(Centre);
            var r = Avx2.AddSaturate(y, Avx2.AddSaturate(cr, Scale(cr, RedOfRed)));
            var g = Avx2.SubtractSaturate(y, Avx2.AddSaturate(Scale(cb, GreenOfBlue), Scale(cr, GreenOfRed)));
            var b = Avx2.AddSaturate(y, Avx2.SubtractSaturate(Avx2.AddSaturate(cb, cb), Scale(cb, BlueOfBlue)));

            var rg = Avx2.PackUnsignedSaturate(r >> PlaneRow.LevelBits, g >> PlaneRow.LevelBits);
            var bx = Avx2.PackUnsignedSaturate(b >> PlaneRow.LevelBits, Vector256<short>.Zero);
            Vector256<byte> rb = Avx2.UnpackLow(rg, bx),
                gx = Avx2.UnpackHigh(rg, bx);
            Vector256<byte> even = Avx2.UnpackLow(rb, gx),
                odd = Avx2.UnpackHigh(rb, gx);
            Avx2.Permute2x128(even, odd, 0x20).Store(rgbx);
            Avx2.Permute2x128(even, odd, 0x31).Store(rgbx + Vector256<byte>.Count);
        }
    }

    public static void ConvertPortable(short* luma, short* blue, short* red, int pixels, byte* rgbx)
    {
        for (var i = 0; i < pixels; i++, rgbx += PixelBuffer.BytesPerPixel)
        {
            var y = Saturate(luma[i] + Half);
            short cb = (short)(blue[i] - Centre),
                cr = (short)(red[i] - Centre);
            rgbx[0] = Level(y + Saturate(cr + Scale(cr, RedOfRed)));
            rgbx[1] = Level(y - Saturate(Scale(cb, GreenOfBlue) + Scale(cr, GreenOfRed)));
            rgbx[2] = Level(y + Saturate(Saturate(cb + cb) - Scale(cb, BlueOfBlue)));
            rgbx[3] = 0;
        }
    }

    /// <summary>Converts a picture without colour.</summary>
    public static void ConvertGrey(short* luma, int pixels, byte* rgbx)
    {
        for (var i = 0; i < pixels; i++)
        {
            ((uint*)rgbx)[i] = Level(Saturate(luma[i] + Half)) * 0x010101u;
        }
    }

    private static Vector256<short> Scale(Vector256<short> value, short factor) =>
        Avx2.MultiplyHighRoundScale(value, Vector256.Create(factor));

    private static int Scale(short value, short factor) => ((value * factor) + (1 << 14)) >> 15;

    private static short Saturate(int value) => (short)Math.Clamp(value, short.MinValue, short.MaxValue);

    private static byte Level(int value) => (byte)Math.Clamp(Saturate(value) >> PlaneRow.LevelBits, 0, 255);
}
