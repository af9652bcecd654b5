namespace ClipTrain.Experiments.Scaling;

/// <summary>A smoothly broken power law with one break at d (Caballero et al. 2022): y = a + b·x^−c0·(1 + (x/d)^(1/f))^(−c1·f).</summary>
public sealed class BrokenLaw : CurveLaw
{
    public override string Name => "bnsl";

    public override string Formula => "error = a + b · x^-c0 · (1 + (x/d)^(1/f))^(-c1·f)";

    public override IReadOnlyList<string> Parameters { get; } = ["a", "b", "c0", "c1", "d", "f"];

    public override double LogAt(double logX, double[] at)
    {
        var sharpness = Math.Exp(at[5]);
        return LogSum(at[0], at[1] - (at[2] * logX) - (at[3] * sharpness * SoftPlus((logX - at[4]) / sharpness)));
    }

    public override double[] Named(double[] at) => [Math.Exp(at[0]), Math.Exp(at[1]), at[2], at[3], Math.Exp(at[4]), Math.Exp(at[5])];

    /// <summary>Starts with a sharp or gradual break at each quarter of the range, and the slopes on both sides.</summary>
    protected override IEnumerable<double[]> Starts(Sample sample)
    {
        var (first, last, lowest) = (sample.LogX[0], sample.LogX[^1], sample.LogY.Min());
        foreach (var place in new[] { 0.25, 0.5, 0.75 })
        {
            var split = first + (place * (last - first));
            var (left, right) = (Slope(x => x <= split), Slope(x => x > split));
            if (left is null || right is null)
            {
                continue;
            }

            foreach (var share in new[] { 1e-3, 0.5 })
            {
                foreach (var sharpness in new[] { -1.2, 0.3 })
                {
                    yield return
                    [
                        lowest + Math.Log(share),
                        left.Value.Intercept,
                        -left.Value.Slope,
                        left.Value.Slope - right.Value.Slope,
                        split,
                        sharpness,
                    ];
                }
            }
        }

        (double Slope, double Intercept)? Slope(Predicate<double> side)
        {
            int[] rows = [.. Enumerable.Range(0, sample.Count).Where(row => side(sample.LogX[row]))];
            return rows.Length < 2
                ? null
                : LeastSquares.Line([.. rows.Select(row => sample.LogX[row])], [.. rows.Select(row => sample.LogY[row])]);
        }
    }
}
