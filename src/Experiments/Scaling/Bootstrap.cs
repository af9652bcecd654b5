using MathNet.Numerics.Distributions;

namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// Smoothed residual bootstrap of a law's coordinates. The trials are kept and their deviations from the law are redistributed, those of
/// a trial's seeds and of its curve's points together and with a random sign, because small designs degenerate when trials are drawn with
/// replacement. Deviations are scaled for the fitted coordinates, and by sqrt(df/χ²) for the uncertainty of their size, which gives t
/// intervals rather than normal ones (Davison and Hinkley 1997). They are smoothed, because a robust fit passes through as many points as
/// it has coordinates: their deviations of zero would make the others look more certain than they are (De Angelis, Hall and Young 1993).
/// </summary>
internal static class Bootstrap
{
    /// <param name="law">The law.</param>
    /// <param name="whole">All observations, from which a frontier is selected.</param>
    /// <param name="selected">The fitted observations.</param>
    /// <param name="at">The fit.</param>
    /// <param name="count">Number of draws.</param>
    /// <returns>The coordinates of each draw; empty if no degrees of freedom are left.</returns>
    public static double[][] Draws(Law law, Sample whole, Sample selected, double[] at, int count)
    {
        Func<Random, double[]?> draw;
        if (law is FrontierLaw && whole.HasSeeds)
        {
            var (means, noise, df) = Noise(whole);
            draw = random => Redrawn(law, law.Select(WithNoise(whole, means, noise, Spread(random, df), random)), start: null);
        }
        else
        {
            var (deviations, df) = Deviations(law, selected, at);
            if (df <= 0)
            {
                return [];
            }

            double[] fitted = [.. Enumerable.Range(0, selected.Count).Select(row => law.LogAt(selected, row, at))];
            draw = random =>
            {
                var noise = SmoothedNoise.Draw(deviations, Spread(random, df), random);
                return Redrawn(law, selected.WithLogY(Dealt(selected, fitted, noise)), at);
            };
        }

        return [.. ParallelEnumerable.Range(0, count).AsOrdered().Select(i => draw(new Random(i))).OfType<double[]>()];
    }

    /// <summary>Deviations of the trials, scaled for the fitted coordinates, and the degrees of freedom.</summary>
    public static (double[][] OfTrials, int Df) Deviations(Law law, Sample sample, double[] at)
    {
        var df = sample.TrialCount - law.Coordinates;
        var scale = df > 0 ? Math.Sqrt((double)sample.TrialCount / df) : 0;
        var residuals = law.Residuals(sample, at);
        return (
            [
                .. Enumerable
                    .Range(0, sample.Count)
                    .GroupBy(row => sample.Trials[row])
                    .OrderBy(rows => rows.Key)
                    .Select(rows => rows.Select(row => scale * residuals[row]).ToArray()),
            ],
            df
        );
    }

    private static double Spread(Random random, int df) => Math.Sqrt(df / ChiSquared.Sample(random, df));

    private static double[]? Redrawn(Law law, Sample sample, double[]? start) =>
        law.Fit(sample, start) is { } at && at.All(double.IsFinite) ? at : null;

    private static double[] Dealt(Sample sample, double[] fitted, Func<int, int, double> noise)
    {
        var used = new int[sample.TrialCount];
        return [.. fitted.Select((value, row) => value + noise(sample.Trials[row], used[sample.Trials[row]]++))];
    }

    /// <summary>Means of the points over the seeds, and the deviations of the runs from them.</summary>
    private static (double[] Means, double[][] OfRuns, int Df) Noise(Sample whole)
    {
        var rows = Enumerable.Range(0, whole.Count);
        double[] means =
        [
            .. rows.GroupBy(row => whole.Points[row]).OrderBy(point => point.Key).Select(point => point.Average(row => whole.LogY[row])),
        ];
        var df = whole.RunCount - whole.TrialCount;
        var scale = Math.Sqrt((double)whole.RunCount / df);
        return (
            means,
            [
                .. rows.GroupBy(row => whole.Trials[row])
                    .OrderBy(trial => trial.Key)
                    .Select(trial => trial.GroupBy(row => whole.Runs[row]).ToList())
                    .Where(runs => runs.Count > 1)
                    .SelectMany(runs => runs)
                    .Select(run => run.Select(row => scale * (whole.LogY[row] - means[whole.Points[row]])).ToArray()),
            ],
            df
        );
    }

    private static Sample WithNoise(Sample whole, double[] means, double[][] noise, double spread, Random random)
    {
        double[][] sources = [.. Enumerable.Range(0, whole.RunCount).Select(_ => noise[random.Next(noise.Length)])];
        var used = new int[sources.Length];
        return whole.WithLogY([
            .. Enumerable
                .Range(0, whole.Count)
                .Select(row =>
                {
                    var (run, source) = (whole.Runs[row], sources[whole.Runs[row]]);
                    return means[whole.Points[row]] + (spread * source[used[run]++ % source.Length]);
                }),
        ]);
    }
}
