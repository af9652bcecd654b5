using MathNet.Numerics.Distributions;

namespace ClipTrain.Experiments.Efficiency;

/// <summary>The curves of one configuration of a group, one per seed at the same amounts of samples or compute.</summary>
internal sealed class SeedCurves
{
    private readonly double[] _amounts,
        _means;
    private readonly double[][] _deviations;

    /// <param name="points">The points of one configuration. Amounts that not every seed has are left out.</param>
    public SeedCurves(IReadOnlyList<EfficiencyPoint> points)
    {
        var seeds = points
            .GroupBy(point => point.Seed, StringComparer.Ordinal)
            .Select(seed => seed.ToLookup(point => point.Amount))
            .ToList();
        _amounts =
        [
            .. points.Select(point => point.Amount).Distinct().Where(amount => seeds.TrueForAll(seed => seed.Contains(amount))).Order(),
        ];
        var accuracies = seeds.ConvertAll(seed => _amounts.Select(amount => seed[amount].Average(point => point.Accuracy)).ToArray());
        _means = [.. _amounts.Select((_, i) => accuracies.Average(curve => curve[i]))];
        _deviations = [.. accuracies.Select(curve => curve.Zip(_means, (accuracy, mean) => accuracy - mean).ToArray())];
    }

    public int Seeds => _deviations.Length;

    public int Points => _amounts.Length;

    /// <summary>The mean over the seeds.</summary>
    public AccuracyCurve Mean => new(_amounts, _means);

    /// <summary>
    /// A bootstrap draw of the mean: seeds drawn with replacement, each with its whole curve. Their deviations are scaled by √(n/(n−1))
    /// for the fitted mean and by √(df/χ²) for the uncertainty of their size, because seeds are few (Davison and Hinkley 1997).
    /// </summary>
    public AccuracyCurve Draw(Random random)
    {
        var (n, df) = (Seeds, Seeds - 1);
        var scale = Math.Sqrt((double)n / df) * Math.Sqrt(df / ChiSquared.Sample(random, df)) / n;
        var drawn = (double[])[.. _means];
        for (var seed = 0; seed < n; seed++)
        {
            var deviation = _deviations[random.Next(n)];
            for (var i = 0; i < drawn.Length; i++)
            {
                drawn[i] += scale * deviation[i];
            }
        }

        return new AccuracyCurve(_amounts, drawn);
    }
}
