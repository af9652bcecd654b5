namespace ClipTrain.Experiments.Scaling;

/// <summary>Limited-memory BFGS (Liu and Nocedal 1989) with a backtracking search, for smooth functions of a handful of parameters.</summary>
internal static class Lbfgs
{
    private const int Memory = 10;

    /// <summary>Value of the function at a point; fills the second array with its gradient.</summary>
    public delegate double Function(double[] at, double[] gradient);

    /// <param name="function">The function.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="iterations">Number of iterations at most.</param>
    /// <returns>The point, and the value there: infinite where the start has none.</returns>
    public static (double[] At, double Value) Minimize(Function function, double[] start, int iterations = 1000)
    {
        var n = start.Length;
        double[] at = [.. start], gradient = new double[n], next = new double[n], nextGradient = new double[n], direction = new double[n];
        var value = function(at, gradient);
        if (!double.IsFinite(value))
            return (at, double.PositiveInfinity);
        var pairs = new List<(double[] Step, double[] Change, double Product)>(Memory + 1);
        var small = 0;
        for (var iteration = 0; iteration < iterations && small < 3; iteration++)
        {
            Direct(pairs, gradient, direction);
            var slope = Dot(direction, gradient);
            if (slope >= 0)
            {
                if (pairs.Count == 0)
                    break;
                pairs.Clear();
                continue;
            }

            // The first step has no scale of its own yet.
            var length = pairs.Count == 0 ? Math.Min(1, 1 / Math.Sqrt(Dot(gradient, gradient))) : 1;
            var lower = double.NaN;
            for (var halved = 0; halved < 50; halved++, length /= 2)
            {
                for (var i = 0; i < n; i++)
                    next[i] = at[i] + (length * direction[i]);
                lower = function(next, nextGradient);
                if (lower <= value + (1e-4 * length * slope))
                    break;
                lower = double.NaN;
            }

            if (double.IsNaN(lower))
            {
                if (pairs.Count == 0)
                    break;
                pairs.Clear();
                continue;
            }

            var (step, change) = (new double[n], new double[n]);
            for (var i = 0; i < n; i++)
                (step[i], change[i]) = (next[i] - at[i], nextGradient[i] - gradient[i]);
            if (Dot(step, change) is var product && product > 1e-14 * Math.Sqrt(Dot(step, step) * Dot(change, change)))
                pairs.Add((step, change, product));
            if (pairs.Count > Memory)
                pairs.RemoveAt(0);
            small = value - lower <= 1e-11 * Math.Abs(lower) ? small + 1 : 0;
            value = lower;
            (at, next, gradient, nextGradient) = (next, at, nextGradient, gradient);
        }

        return (at, value);
    }

    /// <summary>The two-loop recursion.</summary>
    private static void Direct(List<(double[] Step, double[] Change, double Product)> pairs, double[] gradient, double[] direction)
    {
        for (var i = 0; i < gradient.Length; i++)
            direction[i] = -gradient[i];
        Span<double> weights = stackalloc double[Memory];
        for (var p = pairs.Count - 1; p >= 0; p--)
        {
            weights[p] = Dot(pairs[p].Step, direction) / pairs[p].Product;
            Add(direction, -weights[p], pairs[p].Change);
        }

        if (pairs.Count > 0)
        {
            var (_, change, product) = pairs[^1];
            var scale = product / Dot(change, change);
            for (var i = 0; i < direction.Length; i++)
                direction[i] *= scale;
        }

        for (var p = 0; p < pairs.Count; p++)
            Add(direction, weights[p] - (Dot(pairs[p].Change, direction) / pairs[p].Product), pairs[p].Step);
    }

    private static void Add(double[] to, double factor, double[] values)
    {
        for (var i = 0; i < to.Length; i++)
            to[i] += factor * values[i];
    }

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
