namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// A family of functions, fitted to one sample. Inside it has coordinates that may take any value (logarithms of what must be
/// positive); outside, named parameters.
/// </summary>
public abstract class Law
{
    /// <summary>Its name in commands and files.</summary>
    public abstract string Name { get; }

    /// <summary>The formula, for people.</summary>
    public abstract string Formula { get; }

    /// <summary>Names of the parameters, in the order of <see cref="Named"/>.</summary>
    public abstract IReadOnlyList<string> Parameters { get; }

    /// <summary>Number of coordinates that are fitted.</summary>
    public abstract int Coordinates { get; }

    /// <summary>The observations that the law is fitted to: all, or a frontier.</summary>
    public virtual Sample Select(Sample sample) => sample;

    /// <summary>Coordinates of the best fit; null where there is none.</summary>
    /// <param name="sample">As <see cref="Select"/> returns it.</param>
    /// <param name="start">Where to begin; null to search from every start.</param>
    public abstract double[]? Fit(Sample sample, double[]? start);

    /// <summary>Logarithm of what the law gives for an observation of a sample.</summary>
    public abstract double LogAt(Sample sample, int row, double[] at);

    /// <summary>Logarithm of what the law gives at a value of x; NaN for a law that needs more than x.</summary>
    public virtual double LogAt(double logX, double[] at) => double.NaN;

    /// <summary>The parameters at coordinates.</summary>
    public abstract double[] Named(double[] at);

    /// <summary>Differences of the logarithms of a sample from the law.</summary>
    public double[] Residuals(Sample sample, double[] at) =>
        [.. Enumerable.Range(0, sample.Count).Select(row => sample.LogY[row] - LogAt(sample, row, at))];
}

/// <summary>A law of x alone, fitted by least squares of logarithms.</summary>
public abstract class CurveLaw : Law
{
    public override int Coordinates => Parameters.Count;

    public override double[]? Fit(Sample sample, double[]? start)
    {
        (double[] At, double Cost) best = ([], double.PositiveInfinity);
        foreach (var from in start is null ? Starts(sample) : [start])
        {
            var found = LeastSquares.Minimize(
                (at, residuals) =>
                {
                    for (var i = 0; i < residuals.Length; i++)
                        residuals[i] = LogAt(sample.LogX[i], at) - sample.LogY[i];
                },
                from,
                sample.Count
            );
            if (found.Cost < best.Cost)
                best = found;
        }

        return double.IsFinite(best.Cost) ? best.At : null;
    }

    public override double LogAt(Sample sample, int row, double[] at) => LogAt(sample.LogX[row], at);

    /// <summary>Coordinates to begin from.</summary>
    protected abstract IEnumerable<double[]> Starts(Sample sample);

    /// <summary>ln(e^a + e^b).</summary>
    protected static double LogSum(double a, double b) => Math.Max(a, b) + Math.Log(1 + Math.Exp(-Math.Abs(a - b)));

    /// <summary>ln(1 + e^t).</summary>
    protected static double SoftPlus(double t) => Math.Max(t, 0) + Math.Log(1 + Math.Exp(-Math.Abs(t)));
}
