namespace ClipTrain.Experiments.Efficiency;

/// <summary>Accuracy of one training run.</summary>
/// <param name="Group">What was trained, such as an objective.</param>
/// <param name="Configuration">Everything else that was chosen, such as a model size: an accuracy curve has one configuration.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Amount">Samples seen, or FLOPs of training.</param>
/// <param name="Accuracy">Accuracy after them.</param>
public sealed record EfficiencyPoint(string Group, string Configuration, string Seed, double Amount, double Accuracy);

/// <summary>What is known of a quantity.</summary>
public enum Censoring
{
    /// <summary>Its value.</summary>
    None,

    /// <summary>That it is at most a bound.</summary>
    AtMost,

    /// <summary>That it is more than a bound.</summary>
    MoreThan,
}

/// <summary>A quantity, or a bound of it.</summary>
/// <param name="Value">The value or the bound.</param>
/// <param name="Censoring">Which of them it is.</param>
public readonly record struct Censored(double Value, Censoring Censoring)
{
    /// <summary>The value for sorting: 0 or ∞ if only a bound is known.</summary>
    public double Order =>
        Censoring switch
        {
            Censoring.None => Value,
            Censoring.AtMost => 0,
            _ => double.PositiveInfinity,
        };
}

/// <summary>Accuracy by the amount of samples or compute, linear between its points over the logarithm of the amount.</summary>
/// <param name="Amounts">Samples or FLOPs, ascending.</param>
/// <param name="Accuracies">Accuracy after each of them.</param>
public sealed record AccuracyCurve(IReadOnlyList<double> Amounts, IReadOnlyList<double> Accuracies)
{
    /// <summary>The least amount after which the curve reaches an accuracy.</summary>
    /// <returns>At most the first point's amount if that point has reached it, more than the last one's if none does.</returns>
    public Censored AmountToReach(double accuracy)
    {
        if (Accuracies[0] >= accuracy)
        {
            return new Censored(Amounts[0], Censoring.AtMost);
        }

        for (var i = 1; i < Amounts.Count; i++)
        {
            if (Accuracies[i] >= accuracy)
            {
                var share = (accuracy - Accuracies[i - 1]) / (Accuracies[i] - Accuracies[i - 1]);
                return new Censored(Amounts[i - 1] * Math.Pow(Amounts[i] / Amounts[i - 1], share), Censoring.None);
            }
        }

        return new Censored(Amounts[^1], Censoring.MoreThan);
    }
}
