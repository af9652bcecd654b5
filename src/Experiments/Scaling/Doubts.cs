using System.Globalization;

namespace ClipTrain.Experiments.Scaling;

/// <summary>What a sample cannot tell about the laws that were fitted to it, in words.</summary>
internal static class Doubts
{
    public static IEnumerable<string> Of(Sample sample, IReadOnlyList<LawFit> fits)
    {
        var decades = (sample.LogX[^1] - sample.LogX[0]) / Math.Log(10);
        if (decades < 1)
            yield return $"x spans {Text(decades)} decades: an exponent measured over less than one says little about what lies beyond.";
        if (sample.TrialCount < 5)
            yield return $"{sample.TrialCount} points: intervals are wide because so few points cannot tell noise from law.";
        if (
            sample is { LogParams: { } n, LogData: { } d }
            && fits.Any(fit => fit.Law is "parametric" or "repeated")
            && Math.Abs(Correlation(n, d)) > 0.95
        )
            yield return "model size and samples grow together in these trials: the parametric law cannot tell which of the two lowers the error. Add trials with a small model and much data, and the other way round.";
        foreach (var doubt in fits.SelectMany(fit => Of(sample, fit)))
            yield return doubt;
        foreach (var doubt in Choice(fits))
            yield return doubt;
    }

    private static IEnumerable<string> Of(Sample sample, LawFit fit)
    {
        var slope = fit.Law == "m4" ? "c" : "alpha";
        if (
            fit.Law is "power" or "power_floor" or "m4" or "frontier_bins" or "frontier_hull"
            && fit.Parameters[slope] is { Low: <= 0, High: >= 0 }
        )
            yield return $"{fit.Law}: the interval of {slope} holds 0: the points cannot tell whether the error falls with x at all.";
        foreach (
            var floor in new[] { "floor", "E", "a" }.Where(name =>
                fit.Law is "power_floor" or "m4" or "parametric" or "repeated" or "bnsl" && fit.Parameters.ContainsKey(name)
            )
        )
        {
            if (fit.Parameters[floor].Low is { } low && low < 0.05 * Math.Exp(sample.LogY.Min()))
                yield return $"{fit.Law}: the points cannot tell {floor} from zero; a floor may be there or not.";
        }

        if (
            fit.Law == "bnsl"
            && fit.Parameters["d"] is { } at
            && (at.Low is { } from && Math.Log(from) < fit.Range.Least || at.High is { } to && Math.Log(to) > fit.Range.Most)
        )
            yield return "bnsl: the interval of its break d reaches beyond the data: the points cannot tell where it breaks, if it does.";
        if (fit.Law == "m4" && fit.Parameters["alpha"] is { Low: { } least, High: { } largest } && largest > 100 * least)
            yield return "m4: the points cannot tell how it levels off at chance: its parameters are loose, though its values within the data are not.";
        if (
            fit.Law is "parametric" or "repeated"
            && new[] { "alpha", "beta" }.FirstOrDefault(name =>
                fit.Parameters[name] is { Value: { } value, Low: { } low, High: { } high } && (low <= 0 || high - low > value)
            )
                is { } loose
        )
            yield return $"{fit.Law}: {loose} is known to less than half of itself: more {(loose == "alpha" ? "model sizes" : "data sizes")} would pin it down.";
        if (fit.Law.StartsWith("frontier", StringComparison.Ordinal) && !sample.HasSeeds)
            yield return $"{fit.Law}: without several seeds a trial, luck cannot be told from progress; its interval counts only how far the frontier is from a line. Run several seeds, and name their column with --seed.";
        if (fit.Law == "isoflop" && fit.Parameters["a"].Value is null)
            yield return "isoflop: fewer than two budgets have a parabola with a lowest point: widen the range of model sizes.";
        if (
            fit is { HeldoutError: { } heldOut, Deviations.Length: > 0 }
            && Math.Sqrt(fit.Deviations.Average(r => r * r)) is var usual
            && heldOut > 3 * usual
            && heldOut > 0.01
        )
            yield return $"{fit.Law}: fitted without the largest trials it misses them by {Text(100 * heldOut)}%, where it misses others by {Text(100 * usual)}%: it extrapolates poorly.";
    }

    /// <summary>Which law AIC prefers, where it does.</summary>
    private static IEnumerable<string> Choice(IReadOnlyList<LawFit> fits)
    {
        var ranked = fits.Where(fit => Laws.Comparable.Contains(fit.Law, StringComparer.Ordinal) && fit.Aic is not null)
            .OrderBy(fit => fit.Aic)
            .ToList();
        if (ranked.Count > 1 && ranked[1].Aic - ranked[0].Aic < 2)
            yield return $"the points cannot choose between {ranked[0].Law} and {ranked[1].Law} (their AIC differs by {Text(ranked[1].Aic!.Value - ranked[0].Aic!.Value)}): look at where their predictions part.";
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
