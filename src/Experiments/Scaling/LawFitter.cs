namespace ClipTrain.Experiments.Scaling;

/// <summary>Result of fitting laws.</summary>
/// <param name="Laws">The fits, ordered by group and law.</param>
/// <param name="Warnings">Warnings about what the points do not show; one that several groups share names them all.</param>
public sealed record FitResult(IReadOnlyList<LawFit> Laws, IReadOnlyList<string> Warnings);

/// <summary>Fits laws to observations.</summary>
public static class LawFitter
{
    /// <summary>Sufficient for two digits of the bounds of a 95% interval.</summary>
    public const int DefaultDraws = 1000;

    private const double HeldOutShare = 0.2;

    /// <summary>Fits laws to each group.</summary>
    /// <param name="observations">As <see cref="ResultsFile"/> reads them.</param>
    /// <param name="laws">Names of laws; null for every law that the points can determine.</param>
    /// <param name="draws">Number of bootstrap draws.</param>
    /// <exception cref="ExperimentException">The points cannot determine a named law, or any law at all.</exception>
    public static FitResult Fit(IReadOnlyList<Observation> observations, IReadOnlyList<string>? laws, int draws = DefaultDraws)
    {
        var (fits, warnings) = (new List<LawFit>(), new List<(string Group, string Text)>());
        foreach (var group in observations.GroupBy(row => row.Group, StringComparer.Ordinal))
        {
            var sample = Sample.Of(group);
            foreach (var name in laws ?? Laws.Names)
            {
                if (Laws.Refuse(name, sample) is { } reason)
                {
                    warnings.Add(
                        laws is null || group.Key.Length > 0
                            ? (group.Key, $"{name} is not fitted: {reason}.")
                            : throw new ExperimentException($"{name} cannot be fitted: {reason}.")
                    );
                }
                else if (FitOne(name, group.Key, sample, draws) is { } fit)
                {
                    fits.Add(fit);
                }
                else
                {
                    warnings.Add((group.Key, $"{name} is not fitted: no start of the search converges."));
                }
            }

            warnings.AddRange(Doubts.Of(sample, fits.FindAll(fit => fit.Group == group.Key)).Select(doubt => (group.Key, doubt)));
        }

        string[] texts =
        [
            .. warnings
                .GroupBy(warning => warning.Text, StringComparer.Ordinal)
                .Select(same =>
                    same.First().Group.Length == 0 ? same.Key : $"{string.Join(", ", same.Select(one => one.Group))}: {same.Key}"
                ),
        ];
        return fits.Count > 0 ? new FitResult(fits, texts) : throw new ExperimentException(string.Join('\n', texts));
    }

    /// <summary>Fits a law to a sample that can determine it; null if no start of the search converges.</summary>
    public static LawFit? FitOne(string name, string group, Sample sample, int draws)
    {
        var law = Laws.Create(name, sample);
        var selected = law.Select(sample);
        if (law.Fit(selected, start: null) is not { } at)
        {
            return null;
        }

        var drawn = Bootstrap.Draws(law, sample, selected, at, draws);
        double[][] named = [.. drawn.Select(law.Named)];
        var residuals = law.Residuals(selected, at);

        // The points of a curve say little more than one of them.
        var (n, k) = (selected.HasCurves ? selected.TrialCount : selected.Count, law.Coordinates + 1);
        var deviance = n * Math.Log(Math.Max(residuals.Average(r => r * r), 1e-30));
        var isParametric = law is ParametricLaw;
        return new LawFit
        {
            Law = name,
            Group = group,
            Parameters = law.Named(at)
                .Index()
                .ToDictionary(
                    value => law.Parameters[value.Index],
                    value => Estimate(value.Item, [.. named.Select(values => values[value.Index])]),
                    StringComparer.Ordinal
                ),
            Aic = deviance + (2 * k),
            Bic = deviance + (k * Math.Log(n)),
            HeldoutError = HeldOutError(law, selected),
            Points = selected.Count,
            At = at,
            Draws = law is IsoFlopLaw ? named : drawn,
            Deviations = [.. Bootstrap.Deviations(law, selected, at).OfTrials.SelectMany(trial => trial)],
            Range = (sample.LogX[0], sample.LogX[^1]),
            Centre = isParametric ? (sample.LogParams!.Average(), sample.LogData!.Average()) : default,
            LogCost = isParametric ? LogCost(sample) : null,
            Selected =
            [
                .. Enumerable.Range(0, selected.Count).Select(row => new Point(Math.Exp(selected.LogX[row]), Math.Exp(selected.LogY[row]))),
            ],
        };
    }

    /// <summary>An estimate from a value and its bootstrap draws.</summary>
    internal static Estimate Estimate(double value, double[] draws)
    {
        double[] sorted = [.. draws.Where(double.IsFinite).Order()];
        return new Estimate(
            Finite(value),
            sorted.Length == 0 ? null : Evaluation.Statistics.Bootstrap.Quantile(sorted, 0.025),
            sorted.Length == 0 ? null : Evaluation.Statistics.Bootstrap.Quantile(sorted, 0.975)
        );
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static double? LogCost(Sample sample)
    {
        double[] costs =
        [
            .. Enumerable.Range(0, sample.Count).Select(row => sample.LogX[row] - sample.LogParams![row] - sample.LogData![row]),
        ];

        // If x is not compute but, say, samples, the cost varies with the model size.
        return costs.Max() - costs.Min() < Math.Log(4) ? costs.Average() : null;
    }

    private static double? HeldOutError(Law law, Sample sample)
    {
        if (law is IsoFlopLaw)
        {
            return null;
        }

        var heldOut = (int)Math.Ceiling(HeldOutShare * sample.TrialCount);
        var trials = Enumerable
            .Range(0, sample.Count)
            .GroupBy(row => sample.Trials[row])
            .OrderBy(rows => sample.LogX[rows.Last()])
            .ToList();
        int[] kept = [.. trials.SkipLast(heldOut).SelectMany(rows => rows).Order()],
            left = [.. trials.TakeLast(heldOut).SelectMany(rows => rows)];
        if (trials.Count - heldOut <= law.Coordinates || law.Fit(sample.Take(kept), start: null) is not { } at)
        {
            return null;
        }

        return Finite(Math.Sqrt(left.Average(row => Math.Pow(sample.LogY[row] - law.LogAt(sample, row, at), 2))));
    }
}
