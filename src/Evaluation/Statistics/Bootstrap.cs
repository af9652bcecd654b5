namespace ClipTrain.Evaluation.Statistics;

/// <summary>Percentile bootstrap (Efron 1979): intervals of figures over samples drawn with replacement.</summary>
public static class Bootstrap
{
    /// <summary>Sufficient for two digits of the bounds of a 95% interval.</summary>
    public const int Resamples = 1000;

    /// <summary>Fixed seed, so that an interval is a function of its data.</summary>
    public const int Seed = 1;

    /// <summary>Intervals of several figures over the same units.</summary>
    /// <param name="units">Number of units, such as images.</param>
    /// <param name="figures">Computes the figures from the number of times that each unit is drawn. Non-finite values are ignored.</param>
    public static IReadOnlyList<Interval> Intervals(int units, Func<int[], double[]> figures)
    {
        var random = new Random(Seed);
        var drawn = new int[units];
        var resampled = new double[Resamples][];
        for (var i = 0; i < Resamples; i++)
        {
            Array.Clear(drawn);
            for (var draw = 0; draw < units; draw++)
            {
                drawn[random.Next(units)]++;
            }

            resampled[i] = figures(drawn);
        }

        return
        [
            .. Enumerable
                .Range(0, resampled[0].Length)
                .Select(figure => Between([.. resampled.Select(values => values[figure]).Where(double.IsFinite).Order()])),
        ];
    }

    /// <summary>Interval of a function of two proportions of independent units, which are resampled binomially.</summary>
    /// <param name="first">Successes and trials.</param>
    /// <param name="second">Successes and trials of the second.</param>
    /// <param name="function">The figure.</param>
    public static Interval OfTwoShares((int Right, int Of) first, (int Right, int Of) second, Func<double, double, double> function)
    {
        var random = new Random(Seed);
        double Draw((int Right, int Of) counts) =>
            MathNet.Numerics.Distributions.Binomial.Sample(random, counts.Right / (double)counts.Of, counts.Of) / (double)counts.Of;
        return Between([.. Enumerable.Range(0, Resamples).Select(_ => function(Draw(first), Draw(second))).Where(double.IsFinite).Order()]);
    }

    private static Interval Between(IReadOnlyList<double> sorted) =>
        sorted.Count == 0 ? new Interval(double.NaN, double.NaN) : new Interval(Quantile(sorted, 0.025), Quantile(sorted, 0.975));

    /// <summary>Quantile with linear interpolation between order statistics.</summary>
    public static double Quantile(IReadOnlyList<double> sorted, double share)
    {
        var place = share * (sorted.Count - 1);
        var below = (int)place;
        return sorted[below] + ((place - below) * (sorted[Math.Min(below + 1, sorted.Count - 1)] - sorted[below]));
    }
}
