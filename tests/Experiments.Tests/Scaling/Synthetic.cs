using ClipTrain.Experiments.Scaling;
using MathNet.Numerics.Distributions;

namespace ClipTrain.Experiments.Tests.Scaling;

/// <summary>Results of known laws with noise of a known size.</summary>
internal static class Synthetic
{
    /// <summary>Errors at places spread evenly over a range of x, with lognormal noise.</summary>
    public static List<Observation> Curve(Func<double, double> law, (double From, double To) range, int points, double noise, int seed)
    {
        var random = new Random(seed);
        return
        [
            .. Enumerable
                .Range(0, points)
                .Select(i =>
                {
                    var x = range.From * Math.Pow(range.To / range.From, (double)i / (points - 1));
                    return new Observation(x, law(x) * Noise(random, noise));
                }),
        ];
    }

    /// <summary>A grid of models and samples seen, each with several seeds; compute is 6·N·D.</summary>
    public static List<Observation> Grid(
        Func<double, double, double> law,
        IEnumerable<double> models,
        IReadOnlyList<double> samples,
        (int Count, double Noise) seeds,
        int seed
    )
    {
        var random = new Random(seed);
        return
        [
            .. from n in models
            from d in samples
            from s in Enumerable.Range(0, seeds.Count)
            select new Observation(6 * n * d, law(n, d) * Noise(random, seeds.Noise))
            {
                Params = n,
                Data = d,
                Seed = $"{s}",
            },
        ];
    }

    /// <summary>The same results with lognormal noise.</summary>
    public static List<Observation> WithNoise(IReadOnlyList<Observation> rows, double noise, int seed)
    {
        var random = new Random(seed);
        return [.. rows.Select(row => row with { Y = row.Y * Noise(random, noise) })];
    }

    private static double Noise(Random random, double size) => size > 0 ? Math.Exp(Normal.Sample(random, 0, size)) : 1;
}
