using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>One row of a resampling, in integers: the AVX2 and the portable form of each pass give the same bytes.</summary>
internal static unsafe class ResampleRow
{
    private const int Half = 1 << (BicubicKernel.FractionBits - 1);

    /// <summary>Two RGBX pixels to 16-bit pairs r₀r₁ g₀g₁ b₀b₁ x₀x₁, so that a multiply-add with the weights (w₀, w₁) sums both. 0x80 writes zero.</summary>
    private static readonly Vector128<byte> PairUp = Vector128.Create((byte)0, 0x80, 4, 0x80, 1, 0x80, 5, 0x80, 2, 0x80, 6, 0x80, 3, 0x80, 7, 0x80);

    /// <summary>Four pixels in both halves of 32 bytes: the lower half pairs up pixels 0 and 1, the upper half pixels 2 and 3.</summary>
    private static readonly Vector256<byte> PairUpFour = Vector256.Create(PairUp, PairUp + Vector128.Create((byte)8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0));

    /// <param name="source">The row of the source box, RGBX.</param>
    /// <param name="kernel">Where each output pixel's weights begin and how many there are.</param>
    /// <param name="weights">The kernel's weights, held in place.</param>
    /// <param name="row">The resampled row, RGBX.</param>
    /// <param name="width">Output pixels.</param>
    public static void HorizontalAvx2(byte* source, BicubicKernel kernel, short* weights, uint* row, int width)
    {
        int[] starts = kernel.Start, counts = kernel.Count;
        Vector128<byte> pairUp = PairUp;
        Vector256<byte> pairUpFour = PairUpFour;
        for (var i = 0; i < width; i++, weights += kernel.Stride)
        {
            var pixels = source + (starts[i] * 4);
            var count = counts[i];
            var t = 0;
            var sum = Vector128.Create(Half);
            if (count >= 4)
            {
                var wide = Vector256<int>.Zero;
                for (; t + 4 <= count; t += 4)
                {
                    var four = Vector128.Load(pixels + (t * 4));
                    var pairs = Avx2.Shuffle(Vector256.Create(four, four), pairUpFour).AsInt16();
                    var factors = Vector256.Create(Vector128.Create(*(int*)(weights + t)), Vector128.Create(*(int*)(weights + t + 2))).AsInt16();
                    wide = Avx2.Add(wide, Avx2.MultiplyAddAdjacent(pairs, factors));
                }

                sum += wide.GetLower() + wide.GetUpper();
            }

            for (; t + 2 <= count; t += 2)
            {
                var two = Vector128.CreateScalar(*(ulong*)(pixels + (t * 4))).AsByte();
                sum += Sse2.MultiplyAddAdjacent(Ssse3.Shuffle(two, pairUp).AsInt16(), Vector128.Create(*(int*)(weights + t)).AsInt16());
            }

            if (t < count)
            {
                // The last pixel alone: reading a pair would leave the row.
                var one = Vector128.CreateScalar((ulong)*(uint*)(pixels + (t * 4))).AsByte();
                sum += Sse2.MultiplyAddAdjacent(Ssse3.Shuffle(one, pairUp).AsInt16(), Vector128.Create((int)(ushort)weights[t]).AsInt16());
            }

            sum = Vector128.ShiftRightArithmetic(sum, BicubicKernel.FractionBits);
            var clamped = Sse2.PackSignedSaturate(sum, sum);
            row[i] = Sse2.PackUnsignedSaturate(clamped, clamped).AsUInt32().ToScalar();
        }
    }

    public static void HorizontalPortable(byte* source, BicubicKernel kernel, short* weights, uint* row, int width)
    {
        for (var i = 0; i < width; i++, weights += kernel.Stride)
        {
            var pixels = source + (kernel.Start[i] * 4);
            int r = Half, g = Half, b = Half, x = Half;
            for (var t = 0; t < kernel.Count[i]; t++, pixels += 4)
            {
                int weight = weights[t];
                r += pixels[0] * weight;
                g += pixels[1] * weight;
                b += pixels[2] * weight;
                x += pixels[3] * weight;
            }

            row[i] = Clamp(r) | (Clamp(g) << 8) | (Clamp(b) << 16) | (Clamp(x) << 24);
        }
    }

    /// <param name="top">The first of the rows that are summed.</param>
    /// <param name="rowBytes">Bytes of a row, and the step to the next.</param>
    /// <param name="weights">A weight a row, zero-padded to an even count.</param>
    /// <param name="count">Rows.</param>
    /// <param name="row">The result; up to <see cref="BicubicResampler.RowSlack"/> − 4 bytes past its end are written too.</param>
    public static void VerticalAvx2(byte* top, int rowBytes, short* weights, int count, byte* row)
    {
        for (var c = 0; c < rowBytes; c += 16)
        {
            Vector256<int> low = Vector256.Create(Half), high = low;
            var above = top + c;
            for (var t = 0; t < count; t += 2, above += 2L * rowBytes)
            {
                var a = Vector128.Load(above);
                var b = t + 1 < count ? Vector128.Load(above + rowBytes) : Vector128<byte>.Zero;
                var factors = Vector256.Create(*(int*)(weights + t)).AsInt16();
                low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Sse2.UnpackLow(a, b)), factors));
                high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Sse2.UnpackHigh(a, b)), factors));
            }

            low = Avx2.ShiftRightArithmetic(low, BicubicKernel.FractionBits);
            high = Avx2.ShiftRightArithmetic(high, BicubicKernel.FractionBits);
            var first = Sse2.PackSignedSaturate(low.GetLower(), low.GetUpper());
            var second = Sse2.PackSignedSaturate(high.GetLower(), high.GetUpper());
            Sse2.PackUnsignedSaturate(first, second).Store(row + c);
        }
    }

    public static void VerticalPortable(byte* top, int rowBytes, short* weights, int count, byte* row)
    {
        for (var c = 0; c < rowBytes; c++)
        {
            var sum = Half;
            for (var t = 0; t < count; t++)
                sum += top[c + ((long)t * rowBytes)] * weights[t];
            row[c] = (byte)Clamp(sum);
        }
    }

    private static uint Clamp(int sum) => (uint)Math.Clamp(sum >> BicubicKernel.FractionBits, 0, 255);
}
