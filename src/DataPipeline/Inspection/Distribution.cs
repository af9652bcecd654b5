namespace ClipTrain.DataPipeline.Inspection;

/// <summary>
/// Frequencies of values. Values are rounded to four significant digits, so that memory does not grow with the corpus; integers up to
/// 9,999 are exact.
/// </summary>
public sealed class Distribution
{
    private readonly SortedDictionary<double, long> _counts = [];
    private double _sum;

    /// <summary>Number of values.</summary>
    public long Count { get; private set; }

    /// <summary>Values and their counts, ascending.</summary>
    public IEnumerable<KeyValuePair<double, long>> Values => _counts;

    /// <summary>Mean of the values; 0 without values.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Adds a value.</summary>
    /// <param name="value">A value of at least 0.</param>
    public void Add(double value)
    {
        var kept = Round(value);
        _counts[kept] = _counts.GetValueOrDefault(kept) + 1;
        Count++;
        _sum += value;
    }

    /// <summary>The smallest value that at least this share of all values does not exceed; 0 without values.</summary>
    /// <param name="share">0 for the minimum, 1 for the maximum.</param>
    public double Quantile(double share)
    {
        long seen = 0;
        foreach (var (value, count) in _counts)
        {
            seen += count;
            if (seen >= share * Count)
            {
                return value;
            }
        }

        return 0;
    }

    /// <summary>The share of values below a bound.</summary>
    public double ShareBelow(double bound) =>
        Count == 0 ? 0 : (double)_counts.TakeWhile(value => value.Key < bound).Sum(value => value.Value) / Count;

    private static double Round(double value)
    {
        if (value == 0)
        {
            return 0;
        }

        var digits = 3 - (int)Math.Floor(Math.Log10(value));
        return digits >= 0
            ? Math.Round(value, Math.Min(digits, 15))
            : Math.Round(value * Math.Pow(10, digits), MidpointRounding.AwayFromZero) * Math.Pow(10, -digits);
    }
}
