namespace ClipTrain.Experiments.Scaling;

/// <summary>A value with its 95% interval, which is null where the points tell none.</summary>
public sealed record Estimate(double? Value, double? Low, double? High);

/// <summary>A law fitted to the observations of a group: all that predictions need, as it is saved.</summary>
public sealed record LawFit
{
    /// <summary>The law's name.</summary>
    public required string Law { get; init; }

    public required string Group { get; init; }

    public required IReadOnlyDictionary<string, Estimate> Parameters { get; init; }

    /// <summary>Akaike's criterion of the deviations' logarithms; comparable among laws of the same points.</summary>
    public required double? Aic { get; init; }

    /// <summary>Schwarz's criterion.</summary>
    public required double? Bic { get; init; }

    /// <summary>
    /// Root mean square of the logarithmic error on the fifth of the trials with the largest x, after a fit to the others; null where too
    /// few are left.
    /// </summary>
    public required double? HeldoutError { get; init; }

    /// <summary>Number of observations that the law was fitted to.</summary>
    public required int Points { get; init; }

    /// <summary>Coordinates of the fit.</summary>
    public required double[] At { get; init; }

    /// <summary>Coordinates as other samples would have given them.</summary>
    public required double[][] Draws { get; init; }

    /// <summary>Deviations of single observations from the law, as logarithms, scaled for the coordinates that were fitted.</summary>
    public required double[] Deviations { get; init; }

    /// <summary>Natural logarithms of the least and the largest x.</summary>
    public required (double Least, double Most) Range { get; init; }

    /// <summary>Of a law of model and data: where its coordinates are centred.</summary>
    public (double LogParams, double LogData) Centre { get; init; }

    /// <summary>
    /// Of a law of model and data: natural logarithm of compute for one parameter and one sample; null where x is no multiple of their
    /// product.
    /// </summary>
    public double? LogCost { get; init; }

    /// <summary>The observations on a frontier, or of the budgets.</summary>
    public required IReadOnlyList<Point> Selected { get; init; }
}

/// <summary>A point of a chart.</summary>
public sealed record Point(double X, double Y);
