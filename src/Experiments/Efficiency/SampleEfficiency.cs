namespace ClipTrain.Experiments.Efficiency;

/// <summary>Samples that a group needs for an accuracy, and their ratio to those of the reference.</summary>
/// <param name="Group">The group.</param>
/// <param name="Accuracy">The accuracy.</param>
/// <param name="Samples">The samples.</param>
/// <param name="SamplesInterval">Their 95% interval; null with a single seed. ∞ where the accuracy is not reached, 0 where the first
/// point has reached it.</param>
/// <param name="Ratio">The ratio; null if only bounds of both are known.</param>
/// <param name="RatioInterval">Its 95% interval; null with a single seed.</param>
public sealed record EfficiencyRow(
    string Group,
    double Accuracy,
    Censored Samples,
    (double Low, double High)? SamplesInterval,
    Censored? Ratio,
    (double Low, double High)? RatioInterval
);

/// <summary>Compares the samples that groups of runs need for the same accuracy (Radford et al. 2021, figure 2).</summary>
public static class SampleEfficiency
{
    /// <summary>Number of bootstrap draws.</summary>
    private const int Draws = 4000;

    private const double Tail = 0.025;

    /// <param name="points">Results of all groups.</param>
    /// <param name="reference">The group that the others are compared with.</param>
    /// <param name="accuracies">Accuracies to reach; empty for the highest that every group reaches.</param>
    /// <returns>A row per accuracy and group; the reference first.</returns>
    /// <exception cref="ExperimentException">The reference has no results, or a group has fewer than two points.</exception>
    public static IReadOnlyList<EfficiencyRow> Compare(
        IReadOnlyList<EfficiencyPoint> points,
        string reference,
        IReadOnlyList<double> accuracies
    )
    {
        var groups = points
            .GroupBy(point => point.Group, StringComparer.Ordinal)
            .OrderByDescending(group => group.Key == reference)
            .Select(group => (Name: group.Key, Curves: new SeedCurves([.. group])))
            .ToList();
        if (groups.Count == 0 || groups[0].Name != reference)
        {
            throw new ExperimentException($"efficiency: {reference}, the reference, has no result yet.");
        }

        if (groups.Find(group => group.Curves.Points < 2) is { Name: { } sparse })
        {
            throw new ExperimentException(
                $"efficiency: {sparse} has results of every seed for fewer than two numbers of samples; give the budget several amounts."
            );
        }

        var levels = accuracies.Count > 0 ? accuracies : [groups.Min(group => group.Curves.Mean.Accuracies.Max())];
        return [.. levels.SelectMany(level => groups.Select(group => Row(group, groups[0].Curves, level)))];
    }

    private static EfficiencyRow Row((string Name, SeedCurves Curves) group, SeedCurves reference, double accuracy)
    {
        var (own, its) = (group.Curves.Mean.SamplesToReach(accuracy), reference.Mean.SamplesToReach(accuracy));
        var isReference = group.Curves == reference;
        var ratio = isReference ? new Censored(1, Censoring.None) : Ratio(own, its);
        if (group.Curves.Seeds < 2 || reference.Seeds < 2)
        {
            return new EfficiencyRow(group.Name, accuracy, own, null, ratio, null);
        }

        var random = new Random(1);
        var (samples, ratios) = (new List<double>(), new List<double>());
        for (var draw = 0; draw < Draws; draw++)
        {
            var drawn = group.Curves.Draw(random).SamplesToReach(accuracy);
            samples.Add(drawn.Order);
            if (!isReference)
            {
                ratios.Add(drawn.Order / reference.Draw(random).SamplesToReach(accuracy).Order);
            }
        }

        return new EfficiencyRow(group.Name, accuracy, own, Between(samples), ratio, isReference ? null : Between(ratios));
    }

    /// <summary>The ratio of two quantities of which one may be a bound.</summary>
    private static Censored? Ratio(Censored own, Censored its) =>
        (own.Censoring, its.Censoring) switch
        {
            (var censoring, Censoring.None) => new Censored(own.Value / its.Value, censoring),
            (Censoring.None, Censoring.AtMost) => new Censored(own.Value / its.Value, Censoring.MoreThan),
            (Censoring.None, Censoring.MoreThan) => new Censored(own.Value / its.Value, Censoring.AtMost),
            (Censoring.MoreThan, Censoring.AtMost) => new Censored(own.Value / its.Value, Censoring.MoreThan),
            (Censoring.AtMost, Censoring.MoreThan) => new Censored(own.Value / its.Value, Censoring.AtMost),
            _ => null,
        };

    /// <summary>The interval by order statistics, which may be infinite; draws in which neither quantity is known are left out.</summary>
    private static (double Low, double High) Between(List<double> values)
    {
        double[] sorted = [.. values.Where(value => !double.IsNaN(value)).Order()];
        return sorted.Length == 0
            ? (0, double.PositiveInfinity)
            : (sorted[(int)(Tail * (sorted.Length - 1))], sorted[(int)Math.Ceiling((1 - Tail) * (sorted.Length - 1))]);
    }
}
