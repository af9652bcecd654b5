namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Weights of one axis of a resampling: output pixel i is the sum over t &lt; Count[i] of Weights[i·Stride + t] times
/// input pixel Start[i] + t, divided by 2^<see cref="FractionBits"/>.
/// </summary>
/// <remarks>
/// Keys' cubic convolution with a = −1/2, stretched by the scale when shrinking so that it also averages (antialiasing):
/// Pillow's BICUBIC. Weights are 16 bits, so that a pair of pixels is one multiply-add instruction; they sum to exactly
/// one, the rounding error of each being carried to the next.
/// </remarks>
internal sealed class BicubicKernel
{
    public const int FractionBits = 14;
    private const double A = -0.5, Radius = 2;

    private double[] _exact = [];

    public int[] Start { get; private set; } = [];

    public int[] Count { get; private set; } = [];

    public short[] Weights { get; private set; } = [];

    /// <summary>Weights an output pixel has room for; even, the unused ones zero.</summary>
    public int Stride { get; private set; }

    /// <summary>First input pixel that is used.</summary>
    public int First => Start[0];

    /// <summary>One past the last input pixel that is used.</summary>
    public int End { get; private set; }

    /// <summary>Computes the weights of output pixels [from, from + length) when inputSize pixels become outputSize.</summary>
    public void Compute(int inputSize, int outputSize, int from, int length)
    {
        var scale = (double)inputSize / outputSize;
        var stretch = Math.Max(scale, 1);
        var support = Radius * stretch;
        Allocate(length, ((int)Math.Ceiling(support) * 2) + 2);

        for (var i = 0; i < length; i++)
        {
            var centre = (from + i + 0.5) * scale;
            var start = Math.Max(0, (int)(centre - support + 0.5));
            var count = Math.Min(inputSize, (int)(centre + support + 0.5)) - start;
            var sum = 0.0;
            for (var t = 0; t < count; t++)
                sum += _exact[t] = Cubic((start + t - centre + 0.5) / stretch);
            Round(_exact.AsSpan(0, count), sum, Weights.AsSpan(i * Stride, Stride));
            Start[i] = start;
            Count[i] = count;
        }

        End = Start[length - 1] + Count[length - 1];
    }

    private void Allocate(int length, int taps)
    {
        Stride = taps;
        if (Start.Length < length)
            (Start, Count) = (new int[length], new int[length]);
        if (Weights.Length < (long)length * taps)
            Weights = new short[length * taps];
        if (_exact.Length < taps)
            _exact = new double[taps];
    }

    private static void Round(ReadOnlySpan<double> exact, double sum, Span<short> rounded)
    {
        double target = 0;
        var written = 0;
        for (var t = 0; t < exact.Length; t++)
        {
            target += exact[t] / sum * (1 << FractionBits);
            var weight = (int)Math.Round(target) - written;
            rounded[t] = (short)weight;
            written += weight;
        }

        rounded[exact.Length..].Clear();
    }

    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        if (x < 1)
            return ((((A + 2) * x) - (A + 3)) * x * x) + 1;
        return x < 2 ? ((((x - 5) * x) + 8) * x - 4) * A : 0;
    }
}
