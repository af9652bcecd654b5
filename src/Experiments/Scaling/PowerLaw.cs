namespace ClipTrain.Experiments.Scaling;

/// <summary>error = β·x^α, fitted by least squares on log-log axes.</summary>
public class PowerLaw : CurveLaw
{
    public override string Name => "power";

    public override string Formula => "error = beta · x^alpha";

    public override IReadOnlyList<string> Parameters { get; } = ["beta", "alpha"];

    public override double[]? Fit(Sample sample, double[]? start)
    {
        var (slope, intercept) = LeastSquares.Line(sample.LogX, sample.LogY);
        return [intercept, slope];
    }

    public override double LogAt(double logX, double[] at) => at[0] + (at[1] * logX);

    public override double[] Named(double[] at) => [Math.Exp(at[0]), at[1]];

    protected override IEnumerable<double[]> Starts(Sample sample) => [Fit(sample, start: null)!];
}

/// <summary>A power law above a floor of irreducible error: error = floor + β·x^α.</summary>
public sealed class FlooredPowerLaw : CurveLaw
{
    private static readonly double[] Floors = [1e-3, 0.3, 0.6, 0.8, 0.95];

    public override string Name => "power_floor";

    public override string Formula => "error = floor + beta · x^alpha";

    public override IReadOnlyList<string> Parameters { get; } = ["beta", "alpha", "floor"];

    public override double LogAt(double logX, double[] at) => LogSum(at[2], at[0] + (at[1] * logX));

    public override double[] Named(double[] at) => [Math.Exp(at[0]), at[1], Math.Exp(at[2])];

    protected override IEnumerable<double[]> Starts(Sample sample) => From(sample);

    /// <summary>For each of several floors, the line through the values above it.</summary>
    internal static IEnumerable<double[]> From(Sample sample)
    {
        var lowest = sample.LogY.Min();
        foreach (var share in Floors)
        {
            var floor = lowest + Math.Log(share);
            var (slope, intercept) = LeastSquares.Line(sample.LogX, [.. sample.LogY.Select(y => y + Math.Log(1 - Math.Exp(floor - y)))]);
            yield return [intercept, slope, floor];
        }
    }
}
