using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClipTrain.Evaluation.Statistics;

/// <summary>A 95% confidence interval. Serialized in JSON as [low, high].</summary>
[JsonConverter(typeof(IntervalJson))]
public readonly record struct Interval(double Low, double High)
{
    /// <summary>The standard normal quantile of 0.975.</summary>
    private const double Z = 1.959963984540054;

    /// <summary>
    /// Wilson's score interval of a proportion (Wilson 1927). It lies within [0, 1] and has a positive width even at the bounds.
    /// </summary>
    /// <param name="share">Fraction of successes.</param>
    /// <param name="trials">Number of trials. With none, the interval is [0, 1].</param>
    public static Interval OfProportion(double share, long trials)
    {
        if (trials == 0)
        {
            return new Interval(0, 1);
        }

        const double z2 = Z * Z;
        var centre = (share + (z2 / (2 * trials))) / (1 + (z2 / trials));
        var half = Z / (1 + (z2 / trials)) * Math.Sqrt((share * (1 - share) / trials) + (z2 / (4.0 * trials * trials)));

        // Rounding must not exclude the fraction itself.
        return new Interval(share == 0 ? 0 : centre - half, share == 1 ? 1 : centre + half);
    }

    /// <summary>
    /// Interval of the difference of two proportions of the same trials (Agresti and Min 2005: half a trial more in each cell). It has a
    /// positive width even if the two never differ.
    /// </summary>
    /// <param name="firstOnly">Trials that succeed only for the first.</param>
    /// <param name="secondOnly">Trials that succeed only for the second.</param>
    /// <param name="trials">All trials.</param>
    /// <returns>Interval of the second proportion minus the first.</returns>
    public static Interval OfDifference(int firstOnly, int secondOnly, long trials)
    {
        var (n, sum, difference) = (trials + 2.0, firstOnly + secondOnly + 1.0, (double)(secondOnly - firstOnly));
        var (centre, half) = (difference / n, Z * Math.Sqrt(sum - (difference * difference / n)) / n);
        return new Interval(Math.Max(centre - half, -1), Math.Min(centre + half, 1));
    }

    /// <summary>
    /// The distribution-free interval of a median: order statistics at the 2.5% bounds of the binomial distribution (Conover 1999,
    /// section 3.2).
    /// </summary>
    /// <param name="sorted">The values in ascending order; at least one.</param>
    public static Interval OfMedian(IReadOnlyList<double> sorted)
    {
        // Ranks l and n + 1 - l (from 1) hold the median unless fewer than l values lie on one side: P(Binomial(n, 1/2) < l) <= 2.5%.
        var n = sorted.Count;
        var (below, term) = (0, Math.Pow(2, -n));
        if (term == 0)
        {
            below = Math.Max(0, (int)Math.Floor((n / 2.0) - (Z * Math.Sqrt(n) / 2)));
        }
        else
        {
            for (var sum = term; sum <= 0.025 && below < n / 2; sum += term *= (n - below + 1.0) / below)
            {
                below++;
            }
        }

        var lowest = Math.Max(below - 1, 0);
        return new Interval(sorted[lowest], sorted[n - 1 - lowest]);
    }
}

/// <summary>An interval as [low, high].</summary>
internal sealed class IntervalJson : JsonConverter<Interval>
{
    public override Interval Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonSerializer.Deserialize<double[]>(ref reader, options) is [var low, var high]
            ? new Interval(low, high)
            : throw new JsonException("An interval is [low, high].");

    public override void Write(Utf8JsonWriter writer, Interval value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize<double[]>(writer, [value.Low, value.High], options);
}
