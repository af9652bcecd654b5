using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>
/// The learning rate as a power law of the number of parameters, fitted to the best rate of each size in a sweep's results.
/// </summary>
public sealed record FittedRate(double LogFactor, double Exponent)
{
    private const string Rate = "training.learning_rate";

    public double At(double parameters) => Math.Exp(LogFactor + (Exponent * Math.Log(parameters)));

    /// <exception cref="ExperimentException">The table has no rates, or fewer than two model sizes.</exception>
    public static FittedRate Read(string results)
    {
        // Read rates as x and errors as y, as for laws. The last row of a trial is its end.
        var best = ResultsFile
            .Read(results, new ResultColumns(Rate, "error") { Params = "params", Curve = "trial" })
            .GroupBy(row => row.Curve, StringComparer.Ordinal)
            .Select(trial => trial.Last())
            .GroupBy(row => row.Params!.Value)
            .Select(size =>
                (
                    LogSize: Math.Log(size.Key),
                    LogRate: Math.Log(size.GroupBy(row => row.X).MinBy(rate => rate.Average(row => Math.Log(row.Y)))!.Key)
                )
            )
            .ToList();
        if (best.Count < 2)
        {
            throw new ExperimentException($"{results}: has one model size; a fitted rate needs at least two.");
        }

        var (slope, intercept) = LeastSquares.Line([.. best.Select(size => size.LogSize)], [.. best.Select(size => size.LogRate)]);
        return new FittedRate(intercept, slope);
    }
}
