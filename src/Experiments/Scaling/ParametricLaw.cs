namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// L(N, D) = E + A/N^α + B/D^β (Hoffmann et al. 2022, approach 3): the sum of Huber losses of the logarithms, minimized with L-BFGS from
/// every point of the published grid. With U distinct samples the data are worth D' = U + U·R*·(1 − e^(−R/R*)) for R = D/U − 1
/// repetitions (Muennighoff et al. 2023), and R* is fitted too.
/// </summary>
public sealed class ParametricLaw : Law
{
    /// <summary>
    /// Huber's threshold. The loss is summed, because optimizers stop too early on the small averages (Besiroglu et al. 2024).
    /// </summary>
    private const double Delta = 1e-3;

    /// <summary>Every start runs for the first iterations, and then the finalists run to the end.</summary>
    private const int FirstIterations = 30,
        Finalists = 30;

    private const double PublishedRepeats = 15.39;

    private static readonly double[] Exponents = [0, 0.5, 1, 1.5, 2],
        Floors = [-1, -0.5, 0, 0.5, 1],
        Factors = [0, 5, 10, 15, 20, 25];

    private readonly bool _repeats;
    private readonly double _logParams,
        _logData;

    /// <param name="logParams">Logarithm of the model size at the centre of the coordinates. Centring decorrelates the terms' sizes and
    /// exponents.</param>
    /// <param name="logData">Logarithm of the samples seen at the centre.</param>
    /// <param name="repeats">True to fit the value of repeated samples.</param>
    public ParametricLaw(double logParams, double logData, bool repeats) =>
        (_logParams, _logData, _repeats) = (logParams, logData, repeats);

    public override string Name => _repeats ? "repeated" : "parametric";

    public override string Formula =>
        _repeats ? "error = E + A/N^alpha + B/D'^beta, D' = U + U·Rstar·(1 - exp(-R/Rstar))" : "error = E + A/N^alpha + B/D^beta";

    public override IReadOnlyList<string> Parameters =>
        _repeats ? ["A", "B", "E", "alpha", "beta", "Rstar"] : ["A", "B", "E", "alpha", "beta"];

    public override int Coordinates => Parameters.Count;

    public override double[]? Fit(Sample sample, double[]? start)
    {
        if (start is not null)
        {
            // A floor of almost nothing has no gradient: whether a draw has a floor can only be seen from above.
            var floor = sample.LogY.Min() - Math.Log(2);
            double[][] starts = start[2] < floor - Math.Log(1000) ? [start, [.. start[..2], floor, .. start[3..]]] : [start];
            return Best(starts.Select(from => Refine(sample, from)));
        }

        var effective = _repeats ? Effective(sample, Math.Log(PublishedRepeats)) : sample.LogData!;
        var begun = Grid()
            .AsParallel()
            .AsOrdered()
            .Select(from => Lbfgs.Minimize((at, gradient) => Huber(sample, effective, at, gradient), from, FirstIterations))
            .OrderBy(found => found.Value)
            .Take(Finalists);
        var best = begun
            .Select(found => Lbfgs.Minimize((at, gradient) => Huber(sample, effective, at, gradient), found.At))
            .MinBy(found => found.Value);
        return double.IsFinite(best.Value) ? Best([Refine(sample, _repeats ? [.. best.At, Math.Log(PublishedRepeats)] : best.At)]) : null;
    }

    public override double LogAt(Sample sample, int row, double[] at) =>
        LogAt(sample.LogParams![row], _repeats ? EffectiveAt(sample, row, at[5]) : sample.LogData![row], at);

    /// <summary>Logarithm of the loss of a model after a number of distinct samples.</summary>
    public double LogAt(double logParams, double logData, double[] at)
    {
        double a = at[0] - (at[3] * (logParams - _logParams)),
            b = at[1] - (at[4] * (logData - _logData)),
            e = at[2];
        var most = Math.Max(a, Math.Max(b, e));
        return most + Math.Log(Math.Exp(a - most) + Math.Exp(b - most) + Math.Exp(e - most));
    }

    public override double[] Named(double[] at)
    {
        double[] named = [Math.Exp(at[0] + (at[3] * _logParams)), Math.Exp(at[1] + (at[4] * _logData)), Math.Exp(at[2]), at[3], at[4]];
        return _repeats ? [.. named, Math.Exp(at[5])] : named;
    }

    /// <summary>
    /// Logarithms of the model size and samples with the lowest loss for a given N·D: N = G·(N·D)^(β/(α+β)), G = (αA/βB)^(1/(α+β)).
    /// </summary>
    public (double LogParams, double LogData) Optimum(double logProduct, double[] at)
    {
        var (alpha, beta) = (at[3], at[4]);
        var logG = (Math.Log(alpha / beta) + at[0] + (alpha * _logParams) - at[1] - (beta * _logData)) / (alpha + beta);
        var logParams = logG + (beta / (alpha + beta) * logProduct);
        return (logParams, logProduct - logParams);
    }

    /// <summary>The published grid of starts.</summary>
    private IEnumerable<double[]> Grid() =>
        from alpha in Exponents
        from beta in Exponents
        from e in Floors
        from a in Factors
        from b in Factors
        select new[] { a - (alpha * _logParams), b - (beta * _logData), e, alpha, beta };

    private static double[]? Best(IEnumerable<(double[] At, double Value)> found)
    {
        var best = found.MinBy(fit => double.IsFinite(fit.Value) ? fit.Value : double.PositiveInfinity);
        return double.IsFinite(best.Value) ? best.At : null;
    }

    private (double[] At, double Value) Refine(Sample sample, double[] start) =>
        Lbfgs.Minimize((at, gradient) => Huber(sample, _repeats ? Effective(sample, at[5]) : sample.LogData!, at, gradient), start);

    /// <summary>The sum of Huber losses and its gradient.</summary>
    private double Huber(Sample sample, double[] logData, double[] at, double[] gradient)
    {
        var sum = 0.0;
        Array.Clear(gradient);
        for (var i = 0; i < logData.Length; i++)
        {
            double n = sample.LogParams![i] - _logParams,
                d = logData[i] - _logData;
            double a = at[0] - (at[3] * n),
                b = at[1] - (at[4] * d),
                most = Math.Max(a, Math.Max(b, at[2]));
            double ofA = Math.Exp(a - most),
                ofB = Math.Exp(b - most),
                ofE = Math.Exp(at[2] - most),
                total = ofA + ofB + ofE;
            var residual = most + Math.Log(total) - sample.LogY[i];
            sum += Math.Abs(residual) <= Delta ? residual * residual / 2 : Delta * (Math.Abs(residual) - (Delta / 2));
            var slope = Math.Clamp(residual, -Delta, Delta) / total;
            gradient[0] += slope * ofA;
            gradient[1] += slope * ofB;
            gradient[2] += slope * ofE;
            gradient[3] -= slope * ofA * n;
            gradient[4] -= slope * ofB * d;
            if (at.Length > 5)
            {
                gradient[5] -= slope * ofB * at[4] * EffectiveSlope(sample, i, at[5]);
            }
        }

        return sum;
    }

    private static double[] Effective(Sample sample, double logRepeats) =>
        [.. Enumerable.Range(0, sample.Count).Select(row => EffectiveAt(sample, row, logRepeats))];

    private static double EffectiveAt(Sample sample, int row, double logRepeats)
    {
        var worth = Math.Exp(logRepeats);
        return sample.LogUnique![row] + Math.Log(1 + (worth * (1 - Math.Exp(-Repeats(sample, row) / worth))));
    }

    /// <summary>Derivative of <see cref="EffectiveAt"/> with respect to the logarithm of R*.</summary>
    private static double EffectiveSlope(Sample sample, int row, double logRepeats)
    {
        var worth = Math.Exp(logRepeats);
        var share = Repeats(sample, row) / worth;
        var left = Math.Exp(-share);
        return worth * (1 - (left * (1 + share))) / (1 + (worth * (1 - left)));
    }

    private static double Repeats(Sample sample, int row) => Math.Max(0, Math.Exp(sample.LogData![row] - sample.LogUnique![row]) - 1);
}
