namespace ClipTrain.Experiments.Efficiency;

/// <summary>The samples or compute that a group needs for an accuracy, and their ratio to those of the reference.</summary>
/// <param name="Group">The group.</param>
/// <param name="Accuracy">The accuracy.</param>
/// <param name="Configuration">The group's configuration that reaches it first, or else comes closest.</param>
/// <param name="Amount">Samples or FLOPs.</param>
/// <param name="AmountInterval">Their 95% interval; null with a single seed. ∞ where the accuracy is not reached, 0 where the first
/// point has reached it.</param>
/// <param name="Ratio">The ratio; null if only bounds of both are known.</param>
/// <param name="RatioInterval">Its 95% interval; null with a single seed.</param>
public sealed record EfficiencyRow(
    string Group,
    double Accuracy,
    string Configuration,
    Censored Amount,
    (double Low, double High)? AmountInterval,
    Censored? Ratio,
    (double Low, double High)? RatioInterval
);

/// <summary>
/// Compares the samples or the compute that groups of runs need for the same accuracy (Radford et al. 2021, figure 2 and section 3.2).
/// Each group is represented by its configuration that reaches the accuracy first on average over the seeds.
/// </summary>
public static class EfficiencyComparison
{
    /// <summary>Number of bootstrap draws.</summary>
    private const int Draws = 4000;

    private const double Tail = 0.025;

    private const int FewestPoints = 2;

    /// <param name="points">Results of all groups.</param>
    /// <param name="reference">The group that the others are compared with.</param>
    /// <param name="accuracies">Accuracies to reach; empty for the highest that every group reaches.</param>
    /// <returns>A row per accuracy and group; the reference first.</returns>
    /// <exception cref="ExperimentException">The reference has no results, or no configuration of a group has two points.</exception>
    public static IReadOnlyList<EfficiencyRow> Compare(
        IReadOnlyList<EfficiencyPoint> points,
        string reference,
        IReadOnlyList<double> accuracies
    )
    {
        var groups = points
            .GroupBy(point => point.Group, StringComparer.Ordinal)
            .OrderByDescending(group => group.Key == reference)
            .Select(group => (Name: group.Key, Configurations: Configurations(group)))
            .ToList();
        if (groups.Count == 0 || groups[0].Name != reference)
        {
            throw new ExperimentException($"efficiency: {reference}, the reference, has no result yet.");
        }

        if (groups.Find(group => group.Configurations.Count == 0) is { Name: { } sparse })
        {
            throw new ExperimentException(
                $"efficiency: {sparse} has results of every seed for fewer than two amounts; give the budget several, or wait for more trials."
            );
        }

        var levels =
            accuracies.Count > 0
                ? accuracies
                : [groups.Min(group => group.Configurations.Max(configuration => configuration.Curves.Mean.Accuracies.Max()))];
        return
        [
            .. from level in levels
            let first = First(groups[0].Configurations, level)
            from grp in groups
            select Row(grp.Name, First(grp.Configurations, level), first.Curves, level),
        ];
    }

    private static List<(string Name, SeedCurves Curves)> Configurations(IEnumerable<EfficiencyPoint> group) =>
        [
            .. group
                .GroupBy(point => point.Configuration, StringComparer.Ordinal)
                .Select(configuration => (configuration.Key, Curves: new SeedCurves([.. configuration])))
                .Where(configuration => configuration.Curves.Points >= FewestPoints),
        ];

    /// <summary>The configuration that reaches an accuracy first; if none does, the one with the highest accuracy.</summary>
    private static (string Name, SeedCurves Curves) First(List<(string Name, SeedCurves Curves)> configurations, double accuracy) =>
        configurations
            .OrderBy(configuration =>
                configuration.Curves.Mean.AmountToReach(accuracy) is { Censoring: not Censoring.MoreThan } known
                    ? known.Value
                    : double.PositiveInfinity
            )
            .ThenByDescending(configuration => configuration.Curves.Mean.Accuracies.Max())
            .First();

    private static EfficiencyRow Row(string group, (string Name, SeedCurves Curves) own, SeedCurves reference, double accuracy)
    {
        var (amount, its) = (own.Curves.Mean.AmountToReach(accuracy), reference.Mean.AmountToReach(accuracy));
        var isReference = own.Curves == reference;
        var ratio = isReference ? new Censored(1, Censoring.None) : Ratio(amount, its);
        if (own.Curves.Seeds < 2 || reference.Seeds < 2)
        {
            return new EfficiencyRow(group, accuracy, own.Name, amount, null, ratio, null);
        }

        var random = new Random(1);
        var (amounts, ratios) = (new List<double>(), new List<double>());
        for (var draw = 0; draw < Draws; draw++)
        {
            var drawn = own.Curves.Draw(random).AmountToReach(accuracy);
            amounts.Add(drawn.Order);
            if (!isReference)
            {
                ratios.Add(drawn.Order / reference.Draw(random).AmountToReach(accuracy).Order);
            }
        }

        return new EfficiencyRow(group, accuracy, own.Name, amount, Between(amounts), ratio, isReference ? null : Between(ratios));
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
