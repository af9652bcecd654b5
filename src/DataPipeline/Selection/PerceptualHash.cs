namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// A 64-bit hash that changes little when an image is rescaled, re-encoded or slightly brightened: the signs, relative to their median,
/// of the lowest 8 × 8 frequencies of its luminance at 32 × 32, without the constant one (pHash, Zauner 2010).
/// </summary>
public static class PerceptualHash
{
    /// <summary>Side of the luminance image.</summary>
    public const int Side = 32;

    private const int Frequencies = 8;

    private static readonly float[] s_cosines = Cosines();

    /// <summary>The hash of an image.</summary>
    /// <param name="luminance">Side × Side values, row by row.</param>
    public static ulong Of(ReadOnlySpan<float> luminance)
    {
        Span<float> rows = stackalloc float[Side * Frequencies];
        for (var y = 0; y < Side; y++)
        {
            for (var u = 0; u < Frequencies; u++)
            {
                rows[(u * Side) + y] = Project(luminance.Slice(y * Side, Side), u);
            }
        }

        Span<float> spectrum = stackalloc float[Frequencies * Frequencies];
        for (var u = 0; u < Frequencies; u++)
        {
            for (var v = 0; v < Frequencies; v++)
            {
                spectrum[(v * Frequencies) + u] = Project(rows.Slice(u * Side, Side), v);
            }
        }

        // The constant frequency is the image's brightness.
        spectrum[0] = 0;
        Span<float> sorted = stackalloc float[spectrum.Length];
        spectrum.CopyTo(sorted);
        sorted.Sort();
        var median = (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
        ulong hash = 0;
        for (var i = 0; i < spectrum.Length; i++)
        {
            hash |= spectrum[i] > median ? 1UL << i : 0;
        }

        return hash;
    }

    private static float Project(ReadOnlySpan<float> values, int frequency)
    {
        var sum = 0f;
        for (var x = 0; x < Side; x++)
        {
            sum += values[x] * s_cosines[(frequency * Side) + x];
        }

        return sum;
    }

    /// <summary>Basis of the discrete cosine transform (type II).</summary>
    private static float[] Cosines()
    {
        var cosines = new float[Frequencies * Side];
        for (var u = 0; u < Frequencies; u++)
        {
            for (var x = 0; x < Side; x++)
            {
                cosines[(u * Side) + x] = MathF.Cos(MathF.PI * u * ((2 * x) + 1) / (2 * Side));
            }
        }

        return cosines;
    }
}
