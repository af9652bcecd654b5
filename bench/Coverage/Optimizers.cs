using System.Diagnostics;
using System.Globalization;
using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Tests.Scaling;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;

namespace ClipTrain.Bench.Coverage;

/// <summary>How many of the published starts lead to the least loss with our L-BFGS and with MathNet's, and in what time.</summary>
internal static class Optimizers
{
    private const double Close = 1e-6;

    public static void Compare()
    {
        double[] sizes = [1e6, 3e6, 1e7, 3e7, 1e8, 3e8], data = [1e7, 3e7, 1e8, 3e8, 1e9, 3e9];
        var sample = Sample.Of(Synthetic.Grid((n, d) => 1.69 + (406.4 / Math.Pow(n, 0.34)) + (410.7 / Math.Pow(d, 0.28)), sizes, data, (1, 0.005), 1));
        var law = new ParametricLaw(sample.LogParams!.Average(), sample.LogData!.Average(), repeats: false);
        var starts = law.Grid().Where((_, i) => i % 9 == 0).ToList();
        var gradient = new double[5];
        var ours = Run(starts, start => Lbfgs.Minimize((at, slope) => law.Huber(sample, sample.LogData!, at, slope), start).Value);
        var theirs = Run(starts, start =>
        {
            var objective = ObjectiveFunction.Gradient(at =>
            {
                var value = law.Huber(sample, sample.LogData!, at.ToArray(), gradient);
                return (value, Vector<double>.Build.DenseOfArray(gradient));
            });
            return new LimitedMemoryBfgsMinimizer(1e-9, 1e-12, 1e-12, 10, 1000).FindMinimum(objective, Vector<double>.Build.DenseOfArray(start)).FunctionInfoAtMinimum.Value;
        });
        var least = ours.Values.Concat(theirs.Values).Min();
        Report("ours", ours, least);
        Report("MathNet", theirs, least);
    }

    private static (List<double> Values, int Thrown, double Seconds) Run(List<double[]> starts, Func<double[], double> minimize)
    {
        var (values, thrown, clock) = (new List<double>(), 0, Stopwatch.StartNew());
        foreach (var start in starts)
        {
            try
            {
                values.Add(minimize(start));
            }
            catch (Exception error) when (error is OptimizationException or ArithmeticException)
            {
                thrown++;
            }
        }

        return (values, thrown, clock.Elapsed.TotalSeconds);
    }

    private static void Report(string name, (List<double> Values, int Thrown, double Seconds) run, double least) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{name,-8} {run.Values.Count + run.Thrown} starts: {run.Values.Count(value => value < least * (1 + Close))} reach the least loss, {run.Thrown} end with an exception, {run.Seconds:F1} s"));
}
