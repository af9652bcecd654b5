using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// The two passes of a resampling, in integers; the AVX2 and the portable form of each give the same bytes. Between the passes two rows
/// are interleaved value by value (r r' g g' b b' x x', 16 bits each), so that one multiply-add of the vertical pass processes both.
/// </summary>
internal static unsafe class ResampleRow
{
    /// <summary>Values per pixel of a row pair.</summary>
    public const int PairShorts = 8;

    private const int Half = 1 << (PixelKernel.FractionBits - 1);

    /// <summary>
    /// Shuffle of the first two of four RGBX pixels, in each half, to 16-bit neighbours r₀r₁ g₀g₁ b₀b₁ x₀x₁; 0x80 writes zero.
    /// </summary>
    private static readonly Vector256<byte> FirstTwo = Twice(
        Vector128.Create((byte)0, 0x80, 4, 0x80, 1, 0x80, 5, 0x80, 2, 0x80, 6, 0x80, 3, 0x80, 7, 0x80)
    );

    private static readonly Vector256<byte> LastTwo = Twice(
        Vector128.Create((byte)8, 0x80, 12, 0x80, 9, 0x80, 13, 0x80, 10, 0x80, 14, 0x80, 11, 0x80, 15, 0x80)
    );

    /// <summary>Shuffle that interleaves two RGBX pixels of 16 bits per channel.</summary>
    private static readonly Vector128<byte> Interleave = Vector128.Create((byte)0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);

    /// <summary>Processes four rows at once, so that weights are loaded once for all.</summary>
    /// <param name="kernel">Weights of the columns.</param>
    /// <param name="rows">Four rows of the source box, RGBX; up to five pixels past the end of a row are read, with weight zero.</param>
    /// <param name="width">Number of output pixels.</param>
    /// <param name="upper">The resampled pair of the first two rows.</param>
    /// <param name="lower">The resampled pair of the last two rows.</param>
    public static void HorizontalAvx2(PixelKernel kernel, in SourceRows rows, int width, short* upper, short* lower)
    {
        Vector256<byte> firstTwo = FirstTwo,
            lastTwo = LastTwo;
        var groups = kernel.Groups;
        byte* row0 = rows.Row0,
            row1 = rows.Row1,
            row2 = rows.Row2,
            row3 = rows.Row3;
        fixed (int* starts = kernel.Start)
        fixed (short* allWeights = kernel.Weights)
        {
            var weights = (int*)allWeights;
            for (var i = 0; i < width; i++)
            {
                Vector256<int> high = Vector256<int>.Zero,
                    low = high,
                    high2 = high,
                    low2 = high;
                var at = (long)starts[i] * 4;
                for (var g = 0; g < groups; g++, at += 16, weights += 4)
                {
                    Vector256<short> highFirst = Vector256.Create(weights[0]).AsInt16(),
                        highLast = Vector256.Create(weights[1]).AsInt16();
                    Vector256<short> lowFirst = Vector256.Create(weights[2]).AsInt16(),
                        lowLast = Vector256.Create(weights[3]).AsInt16();
                    var pixels = Vector256.Create(Vector128.Load(row0 + at), Vector128.Load(row1 + at));
                    var first = Avx2.Shuffle(pixels, firstTwo).AsInt16();
                    var last = Avx2.Shuffle(pixels, lastTwo).AsInt16();
                    high = MultiplyAdd(MultiplyAdd(high, first, highFirst), last, highLast);
                    low = MultiplyAdd(MultiplyAdd(low, first, lowFirst), last, lowLast);
                    pixels = Vector256.Create(Vector128.Load(row2 + at), Vector128.Load(row3 + at));
                    first = Avx2.Shuffle(pixels, firstTwo).AsInt16();
                    last = Avx2.Shuffle(pixels, lastTwo).AsInt16();
                    high2 = MultiplyAdd(MultiplyAdd(high2, first, highFirst), last, highLast);
                    low2 = MultiplyAdd(MultiplyAdd(low2, first, lowFirst), last, lowLast);
                }

                Store(Levels(high, low), upper + (i * PairShorts));
                Store(Levels(high2, low2), lower + (i * PairShorts));
            }
        }
    }

    public static void HorizontalPortable(PixelKernel kernel, in SourceRows rows, int width, short* upper, short* lower)
    {
        PairPortable(kernel, rows.Row0, rows.Row1, width, upper);
        PairPortable(kernel, rows.Row2, rows.Row3, width, lower);
    }

    /// <summary>Computes one output row.</summary>
    /// <param name="kernel">Weights of the rows.</param>
    /// <param name="y">Index of the output row.</param>
    /// <param name="pairs">The row pairs to sum, two per group of weights.</param>
    /// <param name="width">Number of output pixels.</param>
    /// <param name="row">The result, RGBX; up to <see cref="PixelResampler.RowSlack"/> bytes past its end are written too.</param>
    public static void VerticalAvx2(PixelKernel kernel, int y, short** pairs, int width, byte* row)
    {
        var groups = kernel.Groups;
        fixed (short* allWeights = kernel.Weights)
        {
            var begin = (int*)allWeights + ((long)y * groups * 4);
            for (var at = 0; at < width * PairShorts; at += 4 * PairShorts, row += 16)
            {
                Vector256<int> high = Vector256<int>.Zero,
                    low = high,
                    high2 = high,
                    low2 = high;
                var weights = begin;
                var pair = pairs;
                for (var g = 0; g < groups; g++, weights += 4, pair += 2)
                {
                    short* top = pair[0] + at,
                        bottom = pair[1] + at;
                    Vector256<short> a = Vector256.Load(top),
                        a2 = Vector256.Load(top + 16),
                        b = Vector256.Load(bottom),
                        b2 = Vector256.Load(bottom + 16);
                    Vector256<short> highA = Vector256.Create(weights[0]).AsInt16(),
                        highB = Vector256.Create(weights[1]).AsInt16();
                    Vector256<short> lowA = Vector256.Create(weights[2]).AsInt16(),
                        lowB = Vector256.Create(weights[3]).AsInt16();
                    high = MultiplyAdd(MultiplyAdd(high, a, highA), b, highB);
                    low = MultiplyAdd(MultiplyAdd(low, a, lowA), b, lowB);
                    high2 = MultiplyAdd(MultiplyAdd(high2, a2, highA), b2, highB);
                    low2 = MultiplyAdd(MultiplyAdd(low2, a2, lowA), b2, lowB);
                }

                Vector256<int> levels = Levels(high, low),
                    levels2 = Levels(high2, low2);
                var left = Sse2.PackSignedSaturate(levels.GetLower(), levels.GetUpper());
                var right = Sse2.PackSignedSaturate(levels2.GetLower(), levels2.GetUpper());
                Sse2.PackUnsignedSaturate(left, right).Store(row);
            }
        }
    }

    public static void VerticalPortable(PixelKernel kernel, int y, short** pairs, int width, byte* row)
    {
        for (var c = 0; c < width * 4; c++)
        {
            var sum = Half;
            for (var t = 0; t < kernel.Groups * PixelKernel.GroupTaps; t++)
            {
                sum += pairs[t / 2][(2 * c) + (t % 2)] * kernel.Weight(y, t);
            }

            row[c] = (byte)Clamp(sum);
        }
    }

    private static void PairPortable(PixelKernel kernel, byte* upper, byte* lower, int width, short* pair)
    {
        for (var i = 0; i < width; i++)
        {
            for (var c = 0; c < 4; c++)
            {
                int above = Half,
                    below = Half;
                for (var t = 0; t < kernel.Groups * PixelKernel.GroupTaps; t++)
                {
                    var weight = kernel.Weight(i, t);
                    var at = ((long)(kernel.Start[i] + t) * 4) + c;
                    above += upper[at] * weight;
                    below += lower[at] * weight;
                }

                *pair++ = Clamp(above);
                *pair++ = Clamp(below);
            }
        }
    }

    /// <summary>sum + a₀b₀ + a₁b₁ for each pair of neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<short> a, Vector256<short> b) =>
        AvxVnni.IsSupported ? AvxVnni.MultiplyWideningAndAdd(sum, a, b) : sum + Avx2.MultiplyAddAdjacent(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> levels, short* pair)
    {
        var clamped = Sse2.PackSignedSaturate(levels.GetLower(), levels.GetUpper());
        clamped = Vector128.Min(Vector128.Max(clamped, Vector128<short>.Zero), Vector128.Create((short)255));
        Ssse3.Shuffle(clamped.AsByte(), Interleave).AsInt16().Store(pair);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Levels(Vector256<int> high, Vector256<int> low) =>
        ((high << PixelKernel.LowBits) + low + Vector256.Create(Half)) >> PixelKernel.FractionBits;

    private static short Clamp(int sum) => (short)Math.Clamp(sum >> PixelKernel.FractionBits, 0, 255);

    private static Vector256<byte> Twice(Vector128<byte> half) => Vector256.Create(half, half);

    /// <summary>Addresses of four adjacent rows of the source box.</summary>
    public readonly struct SourceRows(byte* row0, byte* row1, byte* row2, byte* row3)
    {
        public byte* Row0 { get; } = row0;

        public byte* Row1 { get; } = row1;

        public byte* Row2 { get; } = row2;

        public byte* Row3 { get; } = row3;
    }
}
