using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;

namespace ClipTrain.Experiments.Scaling;

/// <summary>MathNet's limited-memory BFGS, for functions that may have no value at some points.</summary>
internal static class Lbfgs
{
    private const int Memory = 10;

    private const double GradientTolerance = 1e-9,
        ProgressTolerance = 1e-12;

    /// <summary>Value of the function at a point; fills the second array with its gradient.</summary>
    public delegate double Function(double[] at, double[] gradient);

    /// <param name="function">The function.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="iterations">Number of iterations at most.</param>
    /// <returns>The best point that was seen, and the value there: infinite where the start has none.</returns>
    public static (double[] At, double Value) Minimize(Function function, double[] start, int iterations = 1000)
    {
        (double[] At, double Value) best = (start, double.PositiveInfinity);
        var objective = ObjectiveFunction.Gradient(at =>
        {
            var (point, gradient) = (at.ToArray(), new double[start.Length]);
            var value = function(point, gradient);
            if (value < best.Value)
                best = (point, value);
            return (value, Vector<double>.Build.Dense(gradient));
        });
        try
        {
            new LimitedMemoryBfgsMinimizer(GradientTolerance, ProgressTolerance, ProgressTolerance, Memory, iterations).FindMinimum(
                objective,
                Vector<double>.Build.Dense([.. start])
            );
        }
        catch (OptimizationException)
        {
            // The search ends where it can go no further or may not; the best point is what it has found.
        }

        return best;
    }
}
