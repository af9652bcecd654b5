using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Weights of one axis of a resampling of 8-bit planes, for training: <see cref="PixelKernel"/>'s cubic over a part of the axis with
/// fractional ends, in 16 bits with <see cref="FractionBits"/> fractional bits.
/// </summary>
/// <param name="evenStarts">True to start output pixels at even input pixels, so that input can be processed in fixed pairs.</param>
internal sealed class PlaneKernel(bool evenStarts)
{
    public const int FractionBits = 14;

    /// <summary>Output pixels are computed in groups of four; those past the end have weight zero.</summary>
    private const int Block = 4;

    private const float A = -0.5f;
    private const double Radius = 2;

    private float[] _exact = [];

    /// <summary>First input pixel of each output pixel.</summary>
    public int[] Start { get; private set; } = [];

    /// <summary>[outputs, Stride].</summary>
    public short[] Weights { get; private set; } = [];

    /// <summary>Weights per output pixel; a multiple of eight.</summary>
    public int Stride { get; private set; }

    /// <summary>Weights per output pixel that may be nonzero, rounded up to an even number.</summary>
    public int Taps { get; private set; }

    /// <summary>First input pixel used.</summary>
    public int First => Start[0];

    /// <summary>One past the last input pixel used.</summary>
    public int End { get; private set; }

    /// <summary>Computes the weights that resample the part [start, start + length) of inputSize pixels to outputSize pixels.</summary>
    public void Compute(double start, double length, int inputSize, int outputSize)
    {
        var scale = length / outputSize;
        double stretch = Math.Max(scale, 1),
            support = Radius * stretch;
        int low = Math.Max(0, (int)start),
            high = Math.Min(inputSize, (int)Math.Ceiling(start + length));
        var longest = 0;
        for (var i = 0; i < outputSize; i++)
        {
            var (first, end, _) = Window(i);
            longest = Math.Max(longest, end - first);
        }

        Allocate(outputSize, longest);
        for (var i = 0; i < outputSize; i++)
        {
            var (first, end, centre) = Window(i);
            Start[i] = first;
            Fill((float)(first + 0.5 - centre), (float)(1 / stretch), end - first, Weights.AsSpan(i * Stride, Stride));
            End = end;
        }

        // Padding outputs have weight zero and read from the same place as the last output.
        Start.AsSpan(outputSize).Fill(Start[outputSize - 1]);

        (int First, int End, double Centre) Window(int pixel)
        {
            var centre = start + ((pixel + 0.5) * scale);
            var first = Math.Clamp((int)(centre - support + 0.5), low, high - 1);
            var end = Math.Clamp((int)(centre + support + 0.5), first + 1, high);
            return (evenStarts ? first & ~1 : first, end, centre);
        }
    }

    private void Allocate(int outputs, int taps)
    {
        Taps = (taps + 1) & ~1;
        Stride = (taps + Vector128<short>.Count - 1) / Vector128<short>.Count * Vector128<short>.Count;
        var padded = (outputs + Block - 1) / Block * Block;
        if (Start.Length < padded)
        {
            Start = new int[padded];
        }

        if (Weights.Length < padded * Stride)
        {
            Weights = new short[padded * Stride];
        }

        if (_exact.Length < Stride)
        {
            _exact = new float[Stride];
        }

        Weights.AsSpan(outputs * Stride).Clear();
    }

    /// <summary>Weights of taps at offset, offset + 1 … from the centre; zero from count on.</summary>
    private void Fill(float offset, float shrink, int count, Span<short> weights)
    {
        var exact = MemoryMarshal.Cast<float, Vector256<float>>(_exact.AsSpan(0, Stride));
        for (var g = 0; g < exact.Length; g++)
        {
            var tap = Vector256.Create(0f, 1, 2, 3, 4, 5, 6, 7) + Vector256.Create(8f * g);
            var weight = Cubic((tap + Vector256.Create(offset)) * shrink);
            exact[g] = Vector256.ConditionalSelect(Vector256.LessThan(tap, Vector256.Create((float)count)), weight, Vector256<float>.Zero);
        }

        // Sequential, for a result that does not depend on the processor's vector width.
        var sum = 0f;
        foreach (var weight in _exact.AsSpan(0, count))
        {
            sum += weight;
        }

        var packed = MemoryMarshal.Cast<short, Vector128<short>>(weights);
        for (var g = 0; g < exact.Length; g++)
        {
            var scaled = exact[g] * ((1 << FractionBits) / sum);
            var rounded = Vector256.ConvertToInt32(scaled + (Vector256.Create(0.5f) | (scaled & Vector256.Create(-0f))));
            packed[g] = Vector128.Narrow(rounded.GetLower(), rounded.GetUpper());
        }
    }

    private static Vector256<float> Cubic(Vector256<float> x)
    {
        x = Vector256.Abs(x);
        Vector256<float> one = Vector256.Create(1f),
            two = Vector256.Create(2f);
        var inner = (((x * (A + 2)) - Vector256.Create(A + 3)) * x * x) + one;
        var outer = (((((x - Vector256.Create(5f)) * x) + Vector256.Create(8f)) * x) - Vector256.Create(4f)) * A;
        return Vector256.ConditionalSelect(
            Vector256.LessThan(x, one),
            inner,
            Vector256.ConditionalSelect(Vector256.LessThan(x, two), outer, Vector256<float>.Zero)
        );
    }
}
