using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ClipTrain.DataPipeline.Images;

/// <summary>Colour changes in place, bit-identical to Pillow (ImageEnhance, convert("L"), convert("HSV")).</summary>
internal static class ColourChange
{
    private static readonly Vector256<int> Level = Vector256.Create(0xFF);

    /// <summary>For each hue, its sixth of the colour circle and how far it lies in it.</summary>
    private static readonly (int Sector, float Fraction)[] Sectors =
    [
        .. Enumerable
            .Range(0, 256)
            .Select(hue => (float)hue * 6.0 / 255.0)
            .Select(sixths => ((int)sixths % 6, (float)(sixths - (int)sixths))),
    ];

    /// <summary>Blends with black: factors below 1 darken.</summary>
    public static void Brightness(Span<uint> rgbx, float factor) => BlendFrom(rgbx, 0, factor);

    /// <summary>Blends with the picture's mean grey: factors below 1 lower the contrast.</summary>
    public static void Contrast(Span<uint> rgbx, float factor)
    {
        var sum = 0L;
        foreach (var pixel in rgbx)
        {
            sum += Luma(pixel);
        }

        BlendFrom(rgbx, (int)(((double)sum / rgbx.Length) + 0.5), factor);
    }

    /// <summary>Blends with each pixel's grey: factors below 1 desaturate.</summary>
    public static void Saturation(Span<uint> rgbx, float factor)
    {
        var eights = MemoryMarshal.Cast<uint, Vector256<int>>(rgbx);
        foreach (ref var pixels in eights)
        {
            var (r, g, b) = (pixels & Level, (pixels >>> 8) & Level, (pixels >>> 16) & Level);
            var grey = ((r * 19595) + (g * 38470) + (b * 7471) + Vector256.Create(0x8000)) >>> 16;
            pixels = Blend(grey, r, factor) | (Blend(grey, g, factor) << 8) | (Blend(grey, b, factor) << 16);
        }

        foreach (ref var pixel in rgbx[(eights.Length * Vector256<int>.Count)..])
        {
            var grey = Luma(pixel);
            pixel = Pack(Blend(grey, Red(pixel), factor), Blend(grey, Green(pixel), factor), Blend(grey, Blue(pixel), factor));
        }
    }

    /// <summary>Rotates hues by a share of the colour circle.</summary>
    public static void Hue(Span<uint> rgbx, double turn)
    {
        var shift = (int)(turn * 255);
        foreach (ref var pixel in rgbx)
        {
            var (hue, saturation, value) = ToHsv(Red(pixel), Green(pixel), Blue(pixel));
            pixel = FromHsv((hue + shift) & 0xFF, saturation, value);
        }
    }

    /// <summary>Replaces colours by their luma.</summary>
    public static void Greyscale(Span<uint> rgbx)
    {
        foreach (ref var pixel in rgbx)
        {
            pixel = (uint)Luma(pixel) * 0x010101u;
        }
    }

    /// <summary>ITU-R 601 in 1/65,536.</summary>
    private static int Luma(uint pixel) => ((Red(pixel) * 19595) + (Green(pixel) * 38470) + (Blue(pixel) * 7471) + 0x8000) >> 16;

    /// <summary>Blends with a constant by a table, since an 8-bit channel has only 256 results.</summary>
    private static void BlendFrom(Span<uint> rgbx, int from, float factor)
    {
        Span<byte> outcomes = stackalloc byte[256];
        for (var level = 0; level < outcomes.Length; level++)
        {
            outcomes[level] = (byte)Blend(from, level, factor);
        }

        foreach (ref var pixel in rgbx)
        {
            pixel = Pack(outcomes[Red(pixel)], outcomes[Green(pixel)], outcomes[Blue(pixel)]);
        }
    }

    private static int Blend(int from, int to, float factor) => Math.Clamp((int)(from + (factor * (to - from))), 0, 255);

    private static Vector256<int> Blend(Vector256<int> from, Vector256<int> to, float factor)
    {
        var blend = Vector256.ConvertToSingle(from) + (factor * Vector256.ConvertToSingle(to - from));
        return Vector256.Clamp(Vector256.ConvertToInt32(blend), Vector256<int>.Zero, Level);
    }

    private static (int Hue, int Saturation, int Value) ToHsv(int r, int g, int b)
    {
        int max = Math.Max(r, Math.Max(g, b)),
            min = Math.Min(r, Math.Min(g, b));
        if (max == min)
        {
            return (0, 0, max);
        }

        float range = max - min,
            rc = (max - r) / range,
            gc = (max - g) / range,
            bc = (max - b) / range;
        float hue;
        if (r == max)
        {
            hue = bc - gc;
        }
        else if (g == max)
        {
            hue = (float)(2.0 + rc - bc);
        }
        else
        {
            hue = (float)(4.0 + gc - rc);
        }

        var turn = (hue / 6.0) + 1.0;
        hue = (float)(turn >= 1 ? turn - 1 : turn);
        return ((int)(hue * 255.0), (int)(range / max * 255.0), max);
    }

    private static uint FromHsv(int hue, int saturation, int value)
    {
        if (saturation == 0)
        {
            return Pack(value, value, value);
        }

        var (sector, f) = Sectors[hue];
        var s = (float)(saturation / 255.0);
        int p = Round(value * (1.0 - s)),
            q = Round(value * (1.0 - (s * f))),
            t = Round(value * (1.0 - (s * (1.0 - f))));
        return sector switch
        {
            0 => Pack(value, t, p),
            1 => Pack(q, value, p),
            2 => Pack(p, value, t),
            3 => Pack(p, q, value),
            4 => Pack(t, p, value),
            _ => Pack(value, p, q),
        };
    }

    /// <summary>Rounds a number that is not negative, and halves up.</summary>
    private static int Round(double value) => Math.Min((int)(value + 0.5), 255);

    private static int Red(uint pixel) => (int)(pixel & 0xFF);

    private static int Green(uint pixel) => (int)(pixel >> 8 & 0xFF);

    private static int Blue(uint pixel) => (int)(pixel >> 16 & 0xFF);

    private static uint Pack(int r, int g, int b) => (uint)(r | (g << 8) | (b << 16));
}
