using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Weights of one axis of a resampling: output pixel i is the sum over t of weight (i, t) times input pixel Start[i] + t, divided by
/// 2^<see cref="FractionBits"/>. Bit-identical to Pillow's weights.
/// </summary>
/// <remarks>
/// Keys' cubic convolution with a = −1/2 (R. Keys, IEEE Trans. ASSP 29, 1981) or a triangle, stretched by the scale when shrinking
/// (antialiasing).
/// SIMD multiplies 16-bit values and adds neighbours, so a weight is stored as high · 2^<see cref="LowBits"/> + low, in groups of four:
/// high 0 to 3, low 0 to 3. Starts are even, so that rows can be processed in fixed pairs; weights before and after an output pixel's
/// own are zero. Start[i] + 4·Groups is at most five past the end of the input.
/// </remarks>
internal sealed class PixelKernel(ResampleFilter filter)
{
    public const int FractionBits = 22,
        LowBits = 8;
    public const int GroupTaps = 4,
        GroupShorts = 8;
    private const double A = -0.5;

    private readonly double _radius = filter == ResampleFilter.Bicubic ? 2 : 1;

    private static readonly Vector256<double> Taps = Vector256.Create(0.0, 1, 2, 3);

    private double[] _exact = [];

    /// <summary>First input pixel of each output pixel; even.</summary>
    public int[] Start { get; private set; } = [];

    /// <summary>[outputs, Groups, 8]: per group four high parts, then four low parts.</summary>
    public short[] Weights { get; private set; } = [];

    /// <summary>Groups of four weights per output pixel.</summary>
    public int Groups { get; private set; }

    /// <summary>First input pixel used; even.</summary>
    public int First => Start[0];

    /// <summary>One past the last input pixel with a nonzero weight.</summary>
    public int End { get; private set; }

    /// <summary>The weight of input pixel Start[i] + t in output pixel i.</summary>
    public int Weight(int i, int t)
    {
        var at = (((i * Groups) + (t / GroupTaps)) * GroupShorts) + (t % GroupTaps);
        return (Weights[at] << LowBits) + Weights[at + GroupTaps];
    }

    /// <summary>Computes the weights of output pixels [from, from + length) for a resampling of inputSize pixels to outputSize.</summary>
    public void Compute(int inputSize, int outputSize, int from, int length)
    {
        var scale = (double)inputSize / outputSize;
        var stretch = Math.Max(scale, 1);
        double support = _radius * stretch,
            shrink = 1 / stretch;
        var longest = 0;
        for (var i = 0; i < length; i++)
        {
            var (start, end) = Window(from + i);
            longest = Math.Max(longest, end - (start & ~1));
        }

        Allocate(length, longest);
        var lastStart = Math.Max(0, inputSize - (Groups * GroupTaps) + 1);
        for (var i = 0; i < length; i++)
        {
            // Every output pixel reads all groups: the last ones start earlier so as not to read past the input.
            var (start, end) = Window(from + i);
            Start[i] = Math.Min(start, lastStart) & ~1;
            var centre = (from + i + 0.5) * scale;
            var sum = Evaluate(Start[i], end, centre, shrink);
            Round(sum, Weights.AsSpan(i * Groups * GroupShorts, Groups * GroupShorts));
            End = end;
        }

        (int Start, int End) Window(int pixel)
        {
            var centre = (pixel + 0.5) * scale;
            return (Math.Max(0, (int)(centre - support + 0.5)), Math.Min(inputSize, (int)(centre + support + 0.5)));
        }
    }

    private void Allocate(int length, int taps)
    {
        Groups = (taps + GroupTaps - 1) / GroupTaps;
        if (Start.Length < length)
        {
            Start = new int[length];
        }

        if (Weights.Length < (long)length * Groups * GroupShorts)
        {
            Weights = new short[length * Groups * GroupShorts];
        }

        if (_exact.Length < Groups * GroupTaps)
        {
            _exact = new double[Groups * GroupTaps];
        }
    }

    /// <summary>The kernel at input pixels from start on, zero from end on; returns the sum.</summary>
    private double Evaluate(int start, int end, double centre, double shrink)
    {
        var groups = MemoryMarshal.Cast<double, Vector256<double>>(_exact.AsSpan(0, Groups * GroupTaps));
        var half = Vector256.Create(0.5);
        for (var g = 0; g < groups.Length; g++)
        {
            var pixel = Vector256.Create((double)(start + (g * GroupTaps))) + Taps;
            var x = Vector256.Abs((pixel - Vector256.Create(centre) + half) * shrink);
            var weight = filter == ResampleFilter.Bicubic ? Cubic(x) : Triangle(x);
            groups[g] = Vector256.ConditionalSelect(
                Vector256.LessThan(pixel, Vector256.Create((double)end)),
                weight,
                Vector256<double>.Zero
            );
        }

        // Sequential, as Pillow adds them.
        var sum = 0.0;
        foreach (var weight in _exact.AsSpan(0, Groups * GroupTaps))
        {
            sum += weight;
        }

        return sum;
    }

    private void Round(double sum, Span<short> weights)
    {
        var exact = MemoryMarshal.Cast<double, Vector256<double>>(_exact.AsSpan(0, Groups * GroupTaps));
        var packed = MemoryMarshal.Cast<short, Vector128<short>>(weights);
        var signBit = Vector256.Create(-0.0);
        for (var g = 0; g < exact.Length; g++)
        {
            // Round half away from zero: add a half of the same sign, then truncate.
            var scaled = exact[g] / sum * (1 << FractionBits);
            var rounded = Vector256.ConvertToInt64(scaled + (Vector256.Create(0.5) | (scaled & signBit)));
            var weight = Vector128.Narrow(rounded.GetLower(), rounded.GetUpper());
            var high = (weight + Vector128.Create(1 << (LowBits - 1))) >> LowBits;
            packed[g] = Vector128.Narrow(high, weight - (high << LowBits));
        }
    }

    private static Vector256<double> Triangle(Vector256<double> x) => Vector256.Max(Vector256.Create(1.0) - x, Vector256<double>.Zero);

    private static Vector256<double> Cubic(Vector256<double> x)
    {
        Vector256<double> one = Vector256.Create(1.0),
            two = Vector256.Create(2.0);
        var inner = (((x * (A + 2)) - Vector256.Create(A + 3)) * x * x) + one;
        var outer = (((((x - Vector256.Create(5.0)) * x) + Vector256.Create(8.0)) * x) - Vector256.Create(4.0)) * A;
        return Vector256.ConditionalSelect(
            Vector256.LessThan(x, one),
            inner,
            Vector256.ConditionalSelect(Vector256.LessThan(x, two), outer, Vector256<double>.Zero)
        );
    }
}
