namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// M4 (Alabdulmohsin et al. 2022): a power law with a floor that also levels off at chance, (error − floor)/(eps0 − error)^alpha =
/// beta·x^c.
/// </summary>
public sealed class M4Law : CurveLaw
{
    public override string Name => "m4";

    public override string Formula => "(error - floor) / (eps0 - error)^alpha = beta · x^c";

    public override IReadOnlyList<string> Parameters { get; } = ["beta", "c", "alpha", "floor", "eps0"];

    /// <summary>
    /// Solves for the relative position s of the error between floor and eps0: ln s − α·ln(1−s) = ln β + c·ln x − (1−α)·ln(range). The
    /// left side increases with s and is convex or concave in ln(s/(1−s)), so Newton's method converges from any start.
    /// </summary>
    public override double LogAt(double logX, double[] at)
    {
        var (alpha, range) = (Math.Exp(at[2]), at[4]);
        var wanted = at[0] + (at[1] * logX) - ((1 - alpha) * range);
        var t = wanted < 0 ? wanted : wanted / alpha;
        for (var i = 0; i < 50; i++)
        {
            var share = 1 / (1 + Math.Exp(-t));
            var move = ((alpha * SoftPlus(t)) - SoftPlus(-t) - wanted) / (1 - share + (alpha * share));
            t -= move;
            if (Math.Abs(move) < 1e-12 * (1 + Math.Abs(t)))
            {
                break;
            }
        }

        return LogSum(at[3], range - SoftPlus(-t));
    }

    public override double[] Named(double[] at) =>
        [Math.Exp(at[0]), at[1], Math.Exp(at[2]), Math.Exp(at[3]), Math.Exp(at[3]) + Math.Exp(at[4])];

    protected override IEnumerable<double[]> Starts(Sample sample)
    {
        var highest = Math.Exp(sample.LogY.Max());
        foreach (var power in FlooredPowerLaw.From(sample).Where((_, i) => i is 0 or 2 or 4))
        {
            foreach (var chance in new[] { 1.05, 1.5 })
            {
                foreach (var alpha in new[] { 0.3, 1.0 })
                {
                    var range = Math.Log((highest * chance) - Math.Exp(power[2]));
                    yield return [power[0] - (alpha * range), power[1], Math.Log(alpha), power[2], range];
                }
            }
        }
    }
}
