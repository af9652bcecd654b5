using MathNet.Numerics.Distributions;

namespace ClipTrain.Evaluation.Statistics;

/// <summary>Exact intervals and tests of proportions.</summary>
public static class BinomialTest
{
    /// <summary>The exact interval of a proportion (Clopper and Pearson 1934), from quantiles of the beta distribution.</summary>
    /// <param name="successes">Number of successes.</param>
    /// <param name="trials">Number of trials. With none, the interval is [0, 1].</param>
    /// <param name="confidence">Confidence level: 0.95, or 0.995 as in the CLIP paper's overlap analysis.</param>
    public static Interval ClopperPearson(long successes, long trials, double confidence = 0.95)
    {
        var tail = (1 - confidence) / 2;
        return new Interval(
            successes == 0 ? 0 : Beta.InvCDF(successes, trials - successes + 1, tail),
            successes == trials ? 1 : Beta.InvCDF(successes + 1, trials - successes, 1 - tail)
        );
    }

    /// <summary>P(X ≥ successes) for a binomial X: the p-value of the one-tailed test.</summary>
    public static double AtLeast(long successes, long trials, double probability) =>
        successes switch
        {
            <= 0 => 1,
            _ when successes > trials => 0,
            // I_p(k, n − k + 1) is the upper tail.
            _ => MathNet.Numerics.SpecialFunctions.BetaRegularized(successes, trials - successes + 1, probability),
        };

    /// <summary>Bonferroni's correction: p-values multiplied by their number.</summary>
    public static IReadOnlyList<double> Bonferroni(IReadOnlyList<double> values) =>
        [.. values.Select(value => Math.Min(1, value * values.Count))];
}
