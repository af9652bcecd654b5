using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;

namespace ClipTrain.Experiments.Scaling;

/// <summary>MathNet's limited-memory BFGS, for functions that may be undefined at some points.</summary>
internal static class Lbfgs
{
    private const int Memory = 10;

    private const double GradientTolerance = 1e-9,
        ProgressTolerance = 1e-12;

    /// <summary>Computes the value at a point and writes the gradient to the second array.</summary>
    public delegate double Function(double[] at, double[] gradient);

    /// <param name="function">The function.</param>
    /// <param name="start">The starting point.</param>
    /// <param name="iterations">Maximum number of iterations.</param>
    /// <returns>The best point found and its value; infinity if the function is undefined at the start.</returns>
    public static (double[] At, double Value) Minimize(Function function, double[] start, int iterations = 1000)
    {
        (double[] At, double Value) best = (start, double.PositiveInfinity);
        var objective = ObjectiveFunction.Gradient(at =>
        {
            var (point, gradient) = (at.ToArray(), new double[start.Length]);
            var value = function(point, gradient);
            if (value < best.Value)
            {
                best = (point, value);
            }

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
            // The search stops when it makes no progress or reaches its limit; return the best point.
        }

        return best;
    }
}
