namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// A family of functions that is fitted to one sample. Internally it has unconstrained coordinates (logarithms of positive values),
/// externally named parameters.
/// </summary>
public abstract class Law
{
    /// <summary>Name in commands and files.</summary>
    public abstract string Name { get; }

    /// <summary>The formula, for display.</summary>
    public abstract string Formula { get; }

    /// <summary>Names of the parameters, in the order of <see cref="Named"/>.</summary>
    public abstract IReadOnlyList<string> Parameters { get; }

    /// <summary>Number of fitted coordinates.</summary>
    public abstract int Coordinates { get; }

    /// <summary>Selects the observations to fit: all, or a frontier.</summary>
    public virtual Sample Select(Sample sample) => sample;

    /// <summary>Coordinates of the best fit; null if there is none.</summary>
    /// <param name="sample">As <see cref="Select"/> returns it.</param>
    /// <param name="start">The initial coordinates; null to search from all starts.</param>
    public abstract double[]? Fit(Sample sample, double[]? start);

    /// <summary>Logarithm of the law's value for an observation of a sample.</summary>
    public abstract double LogAt(Sample sample, int row, double[] at);

    /// <summary>Logarithm of the law's value at x; NaN for a law that needs more than x.</summary>
    public virtual double LogAt(double logX, double[] at) => double.NaN;

    /// <summary>Converts coordinates to parameters.</summary>
    public abstract double[] Named(double[] at);

    /// <summary>Differences between the logarithms of a sample and the law.</summary>
    public double[] Residuals(Sample sample, double[] at) =>
        [.. Enumerable.Range(0, sample.Count).Select(row => sample.LogY[row] - LogAt(sample, row, at))];
}

/// <summary>A function of x alone, fitted by least squares of logarithms.</summary>
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
                    {
                        residuals[i] = LogAt(sample.LogX[i], at) - sample.LogY[i];
                    }
                },
                from,
                sample.Count
            );
            if (found.Cost < best.Cost)
            {
                best = found;
            }
        }

        return double.IsFinite(best.Cost) ? best.At : null;
    }

    public override double LogAt(Sample sample, int row, double[] at) => LogAt(sample.LogX[row], at);

    /// <summary>Initial coordinates of the search.</summary>
    protected abstract IEnumerable<double[]> Starts(Sample sample);

    /// <summary>ln(e^a + e^b).</summary>
    protected static double LogSum(double a, double b) => Math.Max(a, b) + Math.Log(1 + Math.Exp(-Math.Abs(a - b)));

    /// <summary>ln(1 + e^t).</summary>
    protected static double SoftPlus(double t) => Math.Max(t, 0) + Math.Log(1 + Math.Exp(-Math.Abs(t)));
}
