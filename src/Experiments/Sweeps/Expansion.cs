using System.Globalization;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>A trial before its configuration is resolved.</summary>
/// <param name="Labels">Its choice on each of its axes.</param>
/// <param name="Values">Run file keys that it changes.</param>
/// <param name="Amount">Its budget; null if there is none.</param>
public sealed record Combination(
    IReadOnlyList<KeyValuePair<string, string>> Labels,
    IReadOnlyList<KeyValuePair<string, string>> Values,
    double? Amount
)
{
    /// <summary>True if the trial has all the given choices, by axis or by key.</summary>
    public bool Matches(IEnumerable<KeyValuePair<string, string>> choices) =>
        choices.All(choice => Labels.Concat(Values).Any(has => has.Key == choice.Key && IsSame(has.Value, choice.Value)));

    /// <summary>Compares as text or as numbers: 1e3 equals 1000.</summary>
    private static bool IsSame(string a, string b) =>
        a == b
        || (
            double.TryParse(a, NumberStyles.Float, CultureInfo.InvariantCulture, out var x)
            && double.TryParse(b, NumberStyles.Float, CultureInfo.InvariantCulture, out var y)
            && x == y
        );
}

/// <summary>All combinations of a sweep's axes.</summary>
public static class Expansion
{
    /// <summary>Name of the budget's column in tables.</summary>
    public const string BudgetColumn = "budget";

    /// <exception cref="ExperimentException">A condition or exclusion matches no trial.</exception>
    public static IReadOnlyList<Combination> Of(Sweep sweep)
    {
        IEnumerable<Combination> all = [new Combination([], sweep.Set, null)];
        foreach (var axis in sweep.Axes)
        {
            all = all.SelectMany(trial => With(trial, axis));
        }

        if (sweep.Budget is { } budget)
        {
            all = all.SelectMany(trial =>
                budget.Amounts.Select(amount =>
                    trial with
                    {
                        Labels = [.. trial.Labels, KeyValuePair.Create(BudgetColumn, amount.ToString("G15", CultureInfo.InvariantCulture))],
                        Amount = amount,
                    }
                )
            );
        }

        var trials = all.ToList();
        foreach (var condition in sweep.Axes.Where(axis => axis.When.Count > 0 && !trials.Exists(trial => trial.Matches(axis.When))))
        {
            throw new ExperimentException(
                $"{sweep.Path}: the condition of axis {condition.Name} ({Text(condition.When)}) is never met by an axis before it."
            );
        }

        foreach (var exclusion in sweep.Exclude.Where(exclusion => !trials.Exists(trial => trial.Matches(exclusion))))
        {
            throw new ExperimentException($"{sweep.Path}: exclude {Text(exclusion)} matches no trial.");
        }

        return trials.FindAll(trial => !sweep.Exclude.Any(trial.Matches));
    }

    internal static string Text(IEnumerable<KeyValuePair<string, string>> choices) =>
        string.Join(", ", choices.Select(choice => $"{choice.Key}: {choice.Value}"));

    private static IEnumerable<Combination> With(Combination trial, SweepAxis axis) =>
        trial.Matches(axis.When)
            ? axis.Choices.Select(choice =>
                trial with
                {
                    Labels = [.. trial.Labels, KeyValuePair.Create(axis.Name, choice.Label)],
                    Values = [.. trial.Values, .. choice.Values],
                }
            )
            : [trial];
}
