using MathNet.Numerics.Distributions;

namespace ClipTrain.Experiments.Scaling;

/// <summary>A law's prediction for a trial.</summary>
/// <param name="Value">The law's value.</param>
/// <param name="Law">95% interval of the value.</param>
/// <param name="Trial">
/// 90% interval of a single trial, including its noise and, beyond the data, <see cref="LawFit.ExtrapolationError"/>.
/// </param>
public sealed record Prediction(double Value, (double Low, double High)? Law, (double Low, double High)? Trial)
{
    /// <summary>Predicts a law's value at x.</summary>
    /// <returns>Null for a law that needs more than x.</returns>
    public static Prediction? At(LawFit fit, double x)
    {
        if (fit.Law == "isoflop")
        {
            return null;
        }

        var law = Laws.Create(fit.Law, fit.Centre);
        return law is not ParametricLaw parametric ? Of(fit, Math.Log(x), at => law.LogAt(Math.Log(x), at))
            : fit.LogCost is not { } cost ? null
            : Of(
                fit,
                Math.Log(x),
                at => parametric.Optimum(Math.Log(x) - cost, at) is var (n, d) ? parametric.LogAt(n, d, at) : double.NaN
            );
    }

    /// <summary>Predicts a parametric law's value for a model and a number of distinct samples; null for other laws.</summary>
    public static Prediction? At(LawFit fit, double parameters, double data) =>
        fit.Law is "parametric" or "repeated" && Laws.Create(fit.Law, fit.Centre) is ParametricLaw law
            ? Of(
                fit,
                Math.Log(parameters) + Math.Log(data) + (fit.LogCost ?? double.PositiveInfinity),
                at => law.LogAt(Math.Log(parameters), Math.Log(data), at)
            )
            : null;

    /// <summary>The best model and number of samples for an amount of compute; null if the law does not determine them.</summary>
    public static (Estimate Params, Estimate Data)? Allocation(LawFit fit, double compute)
    {
        Func<double[], (double LogParams, double LogData)> optimum;
        if (fit.Law == "isoflop")
        {
            optimum = named => (Math.Log(named[2]) + (named[0] * Math.Log(compute)), Math.Log(named[3]) + (named[1] * Math.Log(compute)));
        }
        else if (fit is { Law: "parametric" or "repeated", LogCost: { } cost } && Laws.Create(fit.Law, fit.Centre) is ParametricLaw law)
        {
            optimum = at => law.Optimum(Math.Log(compute) - cost, at);
        }
        else
        {
            return null;
        }

        var best =
            fit.Law == "isoflop" ? [.. new[] { "a", "b", "GN", "GD" }.Select(name => fit.Parameters[name].Value ?? double.NaN)] : fit.At;
        var draws = Array.ConvertAll(fit.Draws, at => optimum(at));
        return (
            LawFitter.Estimate(Math.Exp(optimum(best).LogParams), [.. draws.Select(draw => Math.Exp(draw.LogParams))]),
            LawFitter.Estimate(Math.Exp(optimum(best).LogData), [.. draws.Select(draw => Math.Exp(draw.LogData))])
        );
    }

    private static Prediction Of(LawFit fit, double logX, Func<double[], double> log)
    {
        double[] drawn = [.. fit.Draws.Select(log).Where(double.IsFinite)];
        if (drawn.Length == 0)
        {
            return new Prediction(Math.Exp(log(fit.At)), null, null);
        }

        var random = new Random(1);
        var beyond = new Normal(0, logX > fit.Range.Most ? fit.ExtrapolationError : 0, random);
        double[] trials = [.. drawn.Select(value => value + fit.Deviations[random.Next(fit.Deviations.Length)] + beyond.Sample()).Order()];
        Array.Sort(drawn);
        return new Prediction(Math.Exp(log(fit.At)), Between(drawn, 0.025), Between(trials, 0.05));
    }

    private static (double Low, double High) Between(double[] sorted, double share) =>
        (
            Math.Exp(Evaluation.Statistics.Bootstrap.Quantile(sorted, share)),
            Math.Exp(Evaluation.Statistics.Bootstrap.Quantile(sorted, 1 - share))
        );
}
