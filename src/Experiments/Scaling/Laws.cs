namespace ClipTrain.Experiments.Scaling;

/// <summary>The laws by name, and their requirements on a sample.</summary>
public static class Laws
{
    /// <summary>All law names.</summary>
    public static IReadOnlyList<string> Names { get; } =
    ["power", "power_floor", "bnsl", "m4", "parametric", "frontier_bins", "frontier_hull", "isoflop", "repeated"];

    /// <summary>Laws of all points, which AIC can compare.</summary>
    public static IReadOnlyList<string> Comparable { get; } = ["power", "power_floor", "bnsl", "m4", "parametric", "repeated"];

    /// <summary>Creates a law by name for a sample.</summary>
    public static Law Create(string name, Sample sample) =>
        name switch
        {
            "isoflop" => new IsoFlopLaw(sample),
            "parametric" or "repeated" => Create(name, (sample.LogParams!.Average(), sample.LogData!.Average())),
            _ => Create(name, (0, 0)),
        };

    /// <summary>Creates the law of a saved fit. Not for isoflop, which depends on its sample.</summary>
    public static Law Create(string name, (double LogParams, double LogData) centre) =>
        name switch
        {
            "power" => new PowerLaw(),
            "power_floor" => new FlooredPowerLaw(),
            "bnsl" => new BrokenLaw(),
            "m4" => new M4Law(),
            "frontier_bins" => FrontierLaw.Bins(),
            "frontier_hull" => FrontierLaw.Hull(),
            "parametric" or "repeated" => new ParametricLaw(centre.LogParams, centre.LogData, name == "repeated"),
            _ => throw new ArgumentException($"{name} is not a law.", nameof(name)),
        };

    /// <summary>The reason why a sample cannot determine a law; null if it can.</summary>
    public static string? Refuse(string name, Sample sample)
    {
        if (name is "parametric" or "isoflop" or "repeated" && (sample.LogParams is null || sample.LogData is null))
        {
            return "it needs the model's size and the samples seen: name their columns with --params and --data";
        }

        if (name == "repeated" && sample.LogUnique is null)
        {
            return "it needs the number of distinct samples: name its column with --unique";
        }

        if (name is "parametric" or "repeated")
        {
            foreach (var (column, values) in new[] { ("model sizes", sample.LogParams!), ("numbers of samples", sample.LogData!) })
            {
                if (Distinct(values) < 3)
                {
                    return $"{Count(Distinct(values), column)} cannot separate an exponent from a floor: it needs at least 3 {column}";
                }
            }

            if (name == "repeated" && Enumerable.Range(0, sample.Count).All(row => sample.LogData![row] <= sample.LogUnique![row] + 1e-9))
            {
                return "no trial repeats its samples";
            }
        }

        if (name == "isoflop")
        {
            return new IsoFlopLaw(sample).Budgets.Count < 2
                ? "it needs at least two amounts of compute, each with three model sizes"
                : null;
        }

        var law = Create(name, sample);
        var selected = law.Select(sample);
        if (law is FrontierLaw && selected.Count <= law.Coordinates)
        {
            return $"its frontier has {Count(selected.Count, "points")}, but any two points lie on a line";
        }

        var needed = law.Coordinates + 1;
        if (selected.TrialCount < needed)
        {
            return $"{Count(selected.TrialCount, sample.HasCurves ? "trials" : "points")} cannot determine its {law.Coordinates} "
                + $"parameters: it needs at least {needed}";
        }

        return law is CurveLaw && Distinct(selected.LogX) < Math.Max(2, law.Coordinates)
            ? $"{Count(Distinct(selected.LogX), "different x")} cannot determine its {law.Coordinates} parameters"
            : null;
    }

    private static int Distinct(double[] values) => values.Distinct().Count();

    private static string Count(int count, string things) => count == 1 && things.EndsWith('s') ? $"1 {things[..^1]}" : $"{count} {things}";
}
