using ClipTrain.DataPipeline.Inspection;

namespace ClipTrain.Cli.DataTools;

/// <summary>Bin from Low (inclusive) to High (exclusive, except in the last bin).</summary>
internal readonly record struct HistogramBin(double Low, double High, long Count);

/// <summary>Histogram with bins of equal width, in linear or logarithmic scale.</summary>
internal sealed record Histogram(bool Logarithmic, IReadOnlyList<HistogramBin> Bins)
{
    private const int MaxBins = 36;

    /// <summary>Ratio of largest to smallest value above which the scale is logarithmic.</summary>
    private const double MaxLinearSpan = 20;

    public double Low => Bins[0].Low;

    public double High => Bins[^1].High;

    /// <param name="values">Values, at least two of them different.</param>
    /// <param name="whole">True for integer values, whose bins have integer edges.</param>
    public static Histogram Of(Distribution values, bool whole)
    {
        double low = values.Quantile(0),
            high = values.Quantile(1);
        var logarithmic = low > 0 && high / low > MaxLinearSpan;
        var edges =
            logarithmic ? Ratios(low, high, whole)
            : whole ? Steps(low, high)
            : Widths(low, high);
        var counts = new long[edges.Length - 1];
        var bin = 0;
        foreach (var (value, count) in values.Values)
        {
            while (bin < counts.Length - 1 && value >= edges[bin + 1])
            {
                bin++;
            }

            counts[bin] += count;
        }

        return new Histogram(logarithmic, [.. counts.Select((count, i) => new HistogramBin(edges[i], edges[i + 1], count))]);
    }

    /// <summary>Relative position of a value between the first edge (0) and the last (1).</summary>
    public double Position(double value) => Logarithmic ? Math.Log(value / Low) / Math.Log(High / Low) : (value - Low) / (High - Low);

    /// <summary>Round values for the axis labels.</summary>
    public IEnumerable<double> Ticks()
    {
        if (Logarithmic)
        {
            var decades = Math.Log10(High / Low);
            int[] digits =
                decades > 3 ? [1]
                : decades > 2 ? [1, 3]
                : [1, 2, 5];
            for (var power = Math.Pow(10, Math.Floor(Math.Log10(Low))); power <= High; power *= 10)
            {
                foreach (var tick in digits.Select(d => d * power).Where(tick => tick >= Low && tick <= High))
                {
                    yield return tick;
                }
            }

            yield break;
        }

        var rough = (High - Low) / 5;
        var unit = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = new[] { 1, 2, 5, 10 }.Select(d => d * unit).First(s => s >= rough);
        for (var i = Math.Ceiling(Low / step); i * step <= High; i++)
        {
            yield return i * step;
        }
    }

    /// <summary>Rounds edges to integers and removes duplicates.</summary>
    private static double[] Ratios(double low, double high, bool whole)
    {
        var edges = Edges(MaxBins, i => low * Math.Pow(high / low, (double)i / MaxBins));
        return whole ? [.. edges.Select(edge => Math.Round(edge, MidpointRounding.AwayFromZero)).Distinct()] : edges;
    }

    private static double[] Steps(double low, double high)
    {
        var width = Math.Ceiling((high - low + 1) / MaxBins);
        return Edges((int)Math.Ceiling((high - low + 1) / width), i => low + (i * width));
    }

    private static double[] Widths(double low, double high) => Edges(MaxBins, i => low + (i * (high - low) / MaxBins));

    private static double[] Edges(int bins, Func<int, double> edge) => [.. Enumerable.Range(0, bins + 1).Select(edge)];
}
