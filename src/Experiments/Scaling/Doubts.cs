using System.Globalization;

namespace ClipTrain.Experiments.Scaling;

/// <summary>Warnings about what a sample does not show about the fitted laws.</summary>
internal static class Doubts
{
    public static IEnumerable<string> Of(Sample sample, IReadOnlyList<LawFit> fits)
    {
        var decades = (sample.LogX[^1] - sample.LogX[0]) / Math.Log(10);
        if (decades < 1)
        {
            yield return $"x spans {Text(decades)} decades; an exponent measured over less than one decade extrapolates poorly.";
        }

        var independent = sample.HasCurves ? "trials" : "points";
        if (sample.TrialCount < 5)
        {
            yield return $"{sample.TrialCount} {independent}: intervals are wide, because so few "
                + $"{independent} cannot separate the law from noise.";
        }

        if (sample.HasCurves)
        {
            yield return "points within a trial are not the ends of shorter trials: while the learning rate has not decayed, they are "
                + "worse. Intervals count trials, not points.";
        }

        if (
            sample is { LogParams: { } n, LogData: { } d }
            && fits.Any(fit => fit.Law is "parametric" or "repeated")
            && Math.Abs(Correlation(n, d)) > 0.95
        )
        {
            yield return "model size and samples grow together in these trials, so the parametric law cannot tell which lowers the error. "
                + "Add trials with a small model and many samples, and vice versa.";
        }

        foreach (var doubt in fits.SelectMany(fit => Of(sample, fit)))
        {
            yield return doubt;
        }

        foreach (var doubt in Choice(fits))
        {
            yield return doubt;
        }
    }

    private static IEnumerable<string> Of(Sample sample, LawFit fit)
    {
        var slope = fit.Law == "m4" ? "c" : "alpha";
        if (
            fit.Law is "power" or "power_floor" or "m4" or "frontier_bins" or "frontier_hull"
            && fit.Parameters[slope] is { Low: <= 0, High: >= 0 }
        )
        {
            yield return $"{fit.Law}: the interval of {slope} contains 0: the points do not show that the error falls with x.";
        }

        foreach (
            var floor in new[] { "floor", "E", "a" }.Where(name =>
                fit.Law is "power_floor" or "m4" or "parametric" or "repeated" or "bnsl" && fit.Parameters.ContainsKey(name)
            )
        )
        {
            if (fit.Parameters[floor].Low is { } low && low < 0.05 * Math.Exp(sample.LogY.Min()))
            {
                yield return $"{fit.Law}: the points cannot distinguish {floor} from zero, so there may be no floor.";
            }
        }

        if (
            fit.Law == "bnsl"
            && fit.Parameters["d"] is { } at
            && (at.Low is { } from && Math.Log(from) < fit.Range.Least || at.High is { } to && Math.Log(to) > fit.Range.Most)
        )
        {
            yield return "bnsl: the interval of the break d extends beyond the data: the points do not show where the break is, if any.";
        }

        if (fit.Law == "m4" && fit.Parameters["alpha"] is { Low: { } least, High: { } largest } && largest > 100 * least)
        {
            yield return "m4: the points do not show how the law levels off at chance: its parameters are uncertain, though its "
                + "values within the data are not.";
        }

        if (
            fit.Law is "parametric" or "repeated"
            && new[] { "alpha", "beta" }.FirstOrDefault(name =>
                fit.Parameters[name] is { Value: { } value, Low: { } low, High: { } high } && (low <= 0 || high - low > value)
            )
                is { } loose
        )
        {
            yield return $"{fit.Law}: the interval of {loose} is wider than its value: add more "
                + $"{(loose == "alpha" ? "model sizes" : "data sizes")}.";
        }

        if (fit.Law.StartsWith("frontier", StringComparison.Ordinal) && !sample.HasSeeds)
        {
            yield return $"{fit.Law}: without several seeds per trial, luck cannot be separated from progress; the interval only reflects "
                + "how far the frontier is from a line. Run several seeds, and name their column with --seed.";
        }

        if (fit.Law == "isoflop" && fit.Parameters["a"].Value is null)
        {
            yield return "isoflop: fewer than two budgets have a parabola with a minimum: widen the range of model sizes.";
        }

        if (fit.ExtrapolationError > 0)
        {
            yield return $"{fit.Law}: fitted without the largest trials, it misses them by {Text(100 * fit.HeldoutError!.Value)}%, but "
                + $"others by {Text(100 * fit.UsualDeviation)}%: it extrapolates poorly, and predictions beyond the data allow for as much.";
        }
    }

    /// <summary>Warns if AIC does not clearly prefer a law.</summary>
    private static IEnumerable<string> Choice(IReadOnlyList<LawFit> fits)
    {
        var ranked = fits.Where(fit => Laws.Comparable.Contains(fit.Law, StringComparer.Ordinal) && fit.Aic is not null)
            .OrderBy(fit => fit.Aic)
            .ToList();
        if (ranked.Count > 1 && ranked[1].Aic - ranked[0].Aic < 2)
        {
            yield return $"the points cannot decide between {ranked[0].Law} and {ranked[1].Law} (their AIC differs by "
                + $"{Text(ranked[1].Aic!.Value - ranked[0].Aic!.Value)}): compare their predictions.";
        }
    }

    private static double Correlation(double[] a, double[] b)
    {
        double meanA = a.Average(),
            meanB = b.Average();
        double ab = a.Zip(b, (x, y) => (x - meanA) * (y - meanB)).Sum(),
            aa = a.Sum(x => (x - meanA) * (x - meanA)),
            bb = b.Sum(y => (y - meanB) * (y - meanB));
        return aa * bb > 0 ? ab / Math.Sqrt(aa * bb) : 1;
    }

    private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
