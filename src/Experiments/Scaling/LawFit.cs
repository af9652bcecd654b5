using System.Text.Json.Serialization;

namespace ClipTrain.Experiments.Scaling;

/// <summary>A value with its 95% interval, which is null if undetermined.</summary>
public sealed record Estimate(double? Value, double? Low, double? High);

/// <summary>A law fitted to the observations of a group, with everything that predictions need. Serialized to disk.</summary>
public sealed record LawFit
{
    /// <summary>The law's name.</summary>
    public required string Law { get; init; }

    public required string Group { get; init; }

    public required IReadOnlyDictionary<string, Estimate> Parameters { get; init; }

    /// <summary>Akaike's information criterion of the logarithmic deviations; comparable between laws of the same points.</summary>
    public required double? Aic { get; init; }

    /// <summary>Schwarz's (Bayesian) information criterion.</summary>
    public required double? Bic { get; init; }

    /// <summary>
    /// Root mean square of the logarithmic error on the fifth of the trials with the largest x, after a fit to the others; null if too
    /// few are left.
    /// </summary>
    public required double? HeldoutError { get; init; }

    /// <summary>
    /// The part of <see cref="HeldoutError"/> that noise does not explain, if it is more than twice the usual deviation; else 0.
    /// </summary>
    [JsonIgnore]
    public double ExtrapolationError =>
        HeldoutError is { } heldOut && Deviations.Length > 0 && heldOut > 0.01 && heldOut > 2 * UsualDeviation
            ? Math.Sqrt((heldOut * heldOut) - (UsualDeviation * UsualDeviation))
            : 0;

    /// <summary>Root mean square of the logarithmic deviations.</summary>
    [JsonIgnore]
    public double UsualDeviation => Math.Sqrt(Deviations.Average(r => r * r));

    /// <summary>Number of fitted observations.</summary>
    public required int Points { get; init; }

    /// <summary>Coordinates of the fit.</summary>
    public required double[] At { get; init; }

    /// <summary>Bootstrap draws of the coordinates.</summary>
    public required double[][] Draws { get; init; }

    /// <summary>Logarithmic deviations of the observations from the law, scaled for the fitted coordinates.</summary>
    public required double[] Deviations { get; init; }

    /// <summary>Natural logarithms of the smallest and the largest x.</summary>
    public required (double Least, double Most) Range { get; init; }

    /// <summary>For a law of model and data: the centre of its coordinates.</summary>
    public (double LogParams, double LogData) Centre { get; init; }

    /// <summary>
    /// For a law of model and data: natural logarithm of the compute per parameter and sample; null if x is not a multiple of their
    /// product.
    /// </summary>
    public double? LogCost { get; init; }

    /// <summary>The selected observations: on the frontier, or of the budgets.</summary>
    public required IReadOnlyList<Point> Selected { get; init; }
}

/// <summary>A point of a chart.</summary>
public sealed record Point(double X, double Y);
