using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// The two passes of a plane's resampling; the AVX2 and the portable form of each give the same values. Between the passes and after them
/// a value is a level of 255 with <see cref="LevelBits"/> fractional bits, in 16 bits.
/// </summary>
internal static unsafe class PlaneRow
{
    public const int LevelBits = 6;

    /// <summary>The vertical pass writes whole blocks of this many columns.</summary>
    public const int Block = 16;

    /// <summary>Rows processed at once by the horizontal pass.</summary>
    public const int Rows = 4;

    private const int VerticalShift = PlaneKernel.FractionBits - LevelBits,
        HorizontalShift = PlaneKernel.FractionBits;

    /// <summary>Interleaves two rows in 16 bits, so that one multiply-add processes both; whole blocks.</summary>
    public static void PairAvx2(byte* upper, byte* lower, int columns, short* pair)
    {
        for (var x = 0; x < columns; x += Block)
        {
            Vector128<byte> a = Vector128.Load(upper + x),
                b = Vector128.Load(lower + x);
            Avx2.ConvertToVector256Int16(Sse2.UnpackLow(a, b)).Store(pair + (2 * x));
            Avx2.ConvertToVector256Int16(Sse2.UnpackHigh(a, b)).Store(pair + (2 * x) + Block);
        }
    }

    public static void PairPortable(byte* upper, byte* lower, int columns, short* pair)
    {
        for (var x = 0; x < columns; x++)
        {
            (pair[2 * x], pair[(2 * x) + 1]) = (upper[x], lower[x]);
        }
    }

    /// <summary>One row of sums over pairs of rows.</summary>
    /// <param name="weights">Weights of the output row, two per pair.</param>
    /// <param name="pairs">Addresses of the row pairs.</param>
    /// <param name="count">Number of pairs.</param>
    /// <param name="columns">Columns to sum.</param>
    /// <param name="result">Receives the sums, whole blocks.</param>
    public static void VerticalAvx2(int* weights, short** pairs, int count, int columns, short* result)
    {
        var half = Vector256.Create(1 << (VerticalShift - 1));
        for (var x = 0; x < columns; x += Block)
        {
            Vector256<int> left = half,
                right = half;
            for (var p = 0; p < count; p++)
            {
                var values = pairs[p] + (2 * x);
                var weight = Vector256.Create(weights[p]).AsInt16();
                left = MultiplyAdd(left, Vector256.Load(values), weight);
                right = MultiplyAdd(right, Vector256.Load(values + Block), weight);
            }

            var packed = Avx2.PackSignedSaturate(left >> VerticalShift, right >> VerticalShift);
            Avx2.Permute4x64(packed.AsInt64(), 0b11_01_10_00).AsInt16().Store(result + x);
        }
    }

    public static void VerticalPortable(int* weights, short** pairs, int count, int columns, short* result)
    {
        var taps = (short*)weights;
        for (var x = 0; x < columns; x++)
        {
            var sum = 1 << (VerticalShift - 1);
            for (var p = 0; p < count; p++)
            {
                sum += (pairs[p][2 * x] * taps[2 * p]) + (pairs[p][(2 * x) + 1] * taps[(2 * p) + 1]);
            }

            result[x] = Saturate(sum >> VerticalShift);
        }
    }

    /// <summary>
    /// Processes <see cref="Rows"/> rows and four columns at once, so that positions and weights are loaded once for all rows; writes up
    /// to three columns past outputs.
    /// </summary>
    /// <param name="kernel">Weights of the columns.</param>
    /// <param name="lines">Rows of the vertical pass, from the kernel's first column on; values read past their ends have weight
    /// zero.</param>
    /// <param name="line">Values from one row to the next.</param>
    /// <param name="outputs">Number of output columns.</param>
    /// <param name="result">Receives the rows.</param>
    /// <param name="resultLine">Values from one result row to the next.</param>
    public static void HorizontalAvx2(PlaneKernel kernel, short* lines, int line, int outputs, short* result, int resultLine)
    {
        var half = Vector256.Create(1 << (HorizontalShift - 1));
        int stride = kernel.Stride,
            first = kernel.First;
        fixed (int* starts = kernel.Start)
        fixed (short* allWeights = kernel.Weights)
        {
            var weights = allWeights;
            for (var i = 0; i < outputs; i += 4, weights += 4 * stride)
            {
                Dot(lines + starts[i] - first, line, weights, stride, out var a, out var a2);
                Dot(lines + starts[i + 1] - first, line, weights + stride, stride, out var b, out var b2);
                Dot(lines + starts[i + 2] - first, line, weights + (2 * stride), stride, out var c, out var c2);
                Dot(lines + starts[i + 3] - first, line, weights + (3 * stride), stride, out var d, out var d2);
                var upper = (Avx2.HorizontalAdd(Avx2.HorizontalAdd(a, b), Avx2.HorizontalAdd(c, d)) + half) >> HorizontalShift;
                var lower = (Avx2.HorizontalAdd(Avx2.HorizontalAdd(a2, b2), Avx2.HorizontalAdd(c2, d2)) + half) >> HorizontalShift;

                // Halves hold rows 0, 2 and 1, 3.
                var packed = Avx2.PackSignedSaturate(upper, lower).AsInt64();
                var to = result + i;
                *(long*)to = packed.GetElement(0);
                *(long*)(to + resultLine) = packed.GetElement(2);
                *(long*)(to + (2 * resultLine)) = packed.GetElement(1);
                *(long*)(to + (3 * resultLine)) = packed.GetElement(3);
            }
        }
    }

    public static void HorizontalPortable(PlaneKernel kernel, short* row, int outputs, short* result)
    {
        for (var i = 0; i < outputs; i++)
        {
            var sum = 1 << (HorizontalShift - 1);
            for (var t = 0; t < kernel.Taps; t++)
            {
                sum += row[kernel.Start[i] - kernel.First + t] * kernel.Weights[(i * kernel.Stride) + t];
            }

            result[i] = Saturate(sum >> HorizontalShift);
        }
    }

    /// <summary>Four partial sums of values times weights for each row, in the halves of upper and lower.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dot(short* values, int line, short* weights, int count, out Vector256<int> upper, out Vector256<int> lower)
    {
        upper = lower = Vector256<int>.Zero;
        var third = values + (2 * line);
        var t = 0;
        do
        {
            var weight = Avx2.BroadcastVector128ToVector256(weights + t);
            upper = MultiplyAdd(upper, Vector256.Create(Vector128.Load(values + t), Vector128.Load(values + line + t)), weight);
            lower = MultiplyAdd(lower, Vector256.Create(Vector128.Load(third + t), Vector128.Load(third + line + t)), weight);
            t += Vector128<short>.Count;
        } while (t < count);
    }

    /// <summary>sum + a₀b₀ + a₁b₁ for each pair of neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<short> a, Vector256<short> b) =>
        AvxVnni.IsSupported ? AvxVnni.MultiplyWideningAndAdd(sum, a, b) : sum + Avx2.MultiplyAddAdjacent(a, b);

    private static short Saturate(int value) => (short)Math.Clamp(value, short.MinValue, short.MaxValue);
}
