namespace ClipTrain.DataPipeline.Inspection;

/// <summary>
/// How often values occur. Values are kept to four significant digits, so that memory does not grow with the corpus and
/// whole numbers up to 9,999 are exact.
/// </summary>
public sealed class Distribution
{
    private readonly SortedDictionary<double, long> _counts = [];
    private double _sum;

    /// <summary>Values added.</summary>
    public long Count { get; private set; }

    /// <summary>Values with their counts, rising.</summary>
    public IEnumerable<KeyValuePair<double, long>> Values => _counts;

    /// <summary>0 without values.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <param name="value">0 or more.</param>
    public void Add(double value)
    {
        var kept = Round(value);
        _counts[kept] = _counts.GetValueOrDefault(kept) + 1;
        Count++;
        _sum += value;
    }

    /// <summary>The smallest value that at least this share of all does not exceed; 0 without values.</summary>
    /// <param name="share">0 for the least, 1 for the greatest.</param>
    public double Quantile(double share)
    {
        long seen = 0;
        foreach (var (value, count) in _counts)
        {
            seen += count;
            if (seen >= share * Count)
                return value;
        }

        return 0;
    }

    /// <summary>The share of values under a bound.</summary>
    public double ShareBelow(double bound) =>
        Count == 0 ? 0 : (double)_counts.TakeWhile(value => value.Key < bound).Sum(value => value.Value) / Count;

    private static double Round(double value)
    {
        if (value == 0)
            return 0;
        var digits = 3 - (int)Math.Floor(Math.Log10(value));
        return digits >= 0
            ? Math.Round(value, Math.Min(digits, 15))
            : Math.Round(value * Math.Pow(10, digits), MidpointRounding.AwayFromZero) * Math.Pow(10, -digits);
    }
}
