namespace ClipTrain.Experiments.Efficiency;

/// <summary>Accuracy of one training run.</summary>
/// <param name="Group">What was trained, such as an objective.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Samples">Samples seen.</param>
/// <param name="Accuracy">Accuracy after them.</param>
public sealed record EfficiencyPoint(string Group, string Seed, double Samples, double Accuracy);

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

/// <summary>Accuracy by samples, linear between its points over the logarithm of the samples.</summary>
/// <param name="Samples">Samples seen, ascending.</param>
/// <param name="Accuracies">Accuracy after each of them.</param>
public sealed record AccuracyCurve(IReadOnlyList<double> Samples, IReadOnlyList<double> Accuracies)
{
    /// <summary>The fewest samples after which the curve reaches an accuracy.</summary>
    /// <returns>At most the first point's samples if that point has reached it, more than the last one's if none does.</returns>
    public Censored SamplesToReach(double accuracy)
    {
        if (Accuracies[0] >= accuracy)
        {
            return new Censored(Samples[0], Censoring.AtMost);
        }

        for (var i = 1; i < Samples.Count; i++)
        {
            if (Accuracies[i] >= accuracy)
            {
                var share = (accuracy - Accuracies[i - 1]) / (Accuracies[i] - Accuracies[i - 1]);
                return new Censored(Samples[i - 1] * Math.Pow(Samples[i] / Samples[i - 1], share), Censoring.None);
            }
        }

        return new Censored(Samples[^1], Censoring.MoreThan);
    }
}
