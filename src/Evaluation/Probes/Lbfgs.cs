namespace ClipTrain.Evaluation.Probes;

/// <summary>Result of a minimization.</summary>
/// <param name="Value">Value of the objective.</param>
/// <param name="Iterations">Number of steps.</param>
/// <param name="Evaluations">Number of evaluations of the objective and its gradient.</param>
public readonly record struct LbfgsEnd(double Value, int Iterations, int Evaluations);

/// <summary>
/// L-BFGS (Nocedal and Wright 2006, algorithm 7.5) with backtracking, for smooth convex objectives. The initial inverse Hessian of each
/// step is a multiple of a given preconditioner, such as the inverse of a bound on the Hessian, which makes badly scaled features
/// harmless.
/// </summary>
/// <param name="objective">Writes the gradient at a point and returns the value.</param>
/// <param name="precondition">Multiplies a vector in place by an approximate inverse of the Hessian.</param>
public sealed class Lbfgs(Func<double[], double[], double> objective, Action<double[]> precondition)
{
    private const int Memory = 10;
    private const double SufficientDecrease = 1e-4,
        LeastStep = 1e-10;

    /// <summary>Minimizes the objective in place.</summary>
    /// <param name="x">The starting point, replaced by the minimum.</param>
    /// <param name="maxIterations">Maximum number of steps.</param>
    /// <param name="tolerance">Stops when half of the slope along the step, an estimate of the distance to the minimal value, falls
    /// below this fraction of the value.</param>
    public LbfgsEnd Minimize(double[] x, int maxIterations, double tolerance)
    {
        var n = x.Length;
        var gradient = new double[n];
        var value = objective(x, gradient);
        var evaluations = 1;
        var pairs = new LinkedList<(double[] S, double[] Y, double Rho)>();
        var (candidate, next) = (new double[n], new double[n]);
        for (var iteration = 0; iteration < maxIterations; iteration++)
        {
            var direction = Direction(gradient, pairs);
            var slope = -Dot(gradient, direction);
            // Take at least one step: from zeros all classes score alike, and with a strong penalty there is little to gain.
            if (slope == 0 || (iteration > 0 && -slope / 2 <= tolerance * Math.Abs(value)))
            {
                return new LbfgsEnd(value, iteration, evaluations);
            }

            var step = 1.0;
            double reached;
            while (true)
            {
                for (var i = 0; i < n; i++)
                {
                    candidate[i] = x[i] - (step * direction[i]);
                }

                reached = objective(candidate, next);
                evaluations++;
                // fp32 products limit the value's precision to eight digits.
                if (reached <= value + (SufficientDecrease * step * slope) + (1e-8 * Math.Abs(value)))
                {
                    break;
                }

                // Step to the minimum of the parabola through both values and the slope, between a tenth and half of the step.
                var parabola = -slope * step * step / (2 * (reached - value - (slope * step)));
                step = Math.Clamp(double.IsFinite(parabola) ? parabola : 0, step / 10, step / 2);
                if (step < LeastStep)
                {
                    return new LbfgsEnd(value, iteration, evaluations);
                }
            }

            var (s, y) = (new double[n], new double[n]);
            for (var i = 0; i < n; i++)
            {
                (s[i], y[i]) = (candidate[i] - x[i], next[i] - gradient[i]);
            }

            if (Dot(s, y) is var curvature && curvature > 0)
            {
                pairs.AddLast((s, y, 1 / curvature));
                if (pairs.Count > Memory)
                {
                    pairs.RemoveFirst();
                }
            }

            candidate.CopyTo(x, 0);
            next.CopyTo(gradient, 0);
            value = reached;
        }

        return new LbfgsEnd(value, maxIterations, evaluations);
    }

    /// <summary>The two-loop recursion: the approximate inverse Hessian times the gradient.</summary>
    private double[] Direction(double[] gradient, LinkedList<(double[] S, double[] Y, double Rho)> pairs)
    {
        var q = (double[])gradient.Clone();
        var alphas = new Stack<double>();
        for (var node = pairs.Last; node is not null; node = node.Previous)
        {
            var (s, y, rho) = node.Value;
            var alpha = rho * Dot(s, q);
            alphas.Push(alpha);
            Add(q, y, -alpha);
        }

        precondition(q);
        if (pairs.Last is { Value: var last })
        {
            var scaled = (double[])last.Y.Clone();
            precondition(scaled);
            var gamma = 1 / (last.Rho * Dot(last.Y, scaled));
            for (var i = 0; i < q.Length; i++)
            {
                q[i] *= gamma;
            }
        }

        foreach (var (s, y, rho) in pairs)
        {
            Add(q, s, alphas.Pop() - (rho * Dot(y, q)));
        }

        return q;
    }

    private static double Dot(double[] a, double[] b) => System.Numerics.Tensors.TensorPrimitives.Dot<double>(a, b);

    private static void Add(double[] target, double[] source, double factor) =>
        System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(source, factor, target, target);
}
