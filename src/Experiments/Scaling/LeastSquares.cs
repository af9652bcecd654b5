namespace ClipTrain.Experiments.Scaling;

/// <summary>Least squares with few parameters.</summary>
internal static class LeastSquares
{
    private const int MaxIterations = 300;

    /// <summary>
    /// Maximum change of a parameter in an iteration. Parameters are logarithms and exponents, which could diverge along a flat direction.
    /// </summary>
    private const double MaxMove = 2;

    /// <summary>Fits a line.</summary>
    public static (double Slope, double Intercept) Line(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double n = x.Length,
            meanX = 0,
            meanY = 0,
            xx = 0,
            xy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            (meanX, meanY) = (meanX + (x[i] / n), meanY + (y[i] / n));
        }

        for (var i = 0; i < x.Length; i++)
        {
            (xx, xy) = (xx + ((x[i] - meanX) * (x[i] - meanX)), xy + ((x[i] - meanX) * (y[i] - meanY)));
        }

        var slope = xx > 0 ? xy / xx : 0;
        return (slope, meanY - (slope * meanX));
    }

    /// <summary>Minimizes a sum of squares with the Levenberg-Marquardt method and finite differences.</summary>
    /// <param name="residuals">Writes the residuals at the first array's parameters to the second array.</param>
    /// <param name="start">The starting point.</param>
    /// <param name="count">Number of residuals.</param>
    /// <returns>The parameters and their sum of squares; infinity if the start is invalid.</returns>
    public static (double[] At, double Cost) Minimize(Action<double[], double[]> residuals, double[] start, int count)
    {
        var k = start.Length;
        double[] at = [.. start],
            next = new double[k],
            r = new double[count],
            moved = new double[count];
        var jacobian = new double[k][];
        for (var p = 0; p < k; p++)
        {
            jacobian[p] = new double[count];
        }

        residuals(at, r);
        var cost = Square(r);
        if (!double.IsFinite(cost))
        {
            return (at, double.PositiveInfinity);
        }

        var damping = 1e-3;
        for (var iteration = 0; iteration < MaxIterations; iteration++)
        {
            for (var p = 0; p < k; p++)
            {
                var (was, step) = (at[p], 1e-6 * Math.Max(1, Math.Abs(at[p])));
                at[p] = was + step;
                residuals(at, moved);
                at[p] = was;
                for (var i = 0; i < count; i++)
                {
                    jacobian[p][i] = (moved[i] - r[i]) / step;
                }
            }

            var before = cost;
            for (; damping < 1e12; damping *= 4)
            {
                if (Step(jacobian, r, damping) is not { } move)
                {
                    continue;
                }

                for (var p = 0; p < k; p++)
                {
                    next[p] = at[p] + Math.Clamp(move[p], -MaxMove, MaxMove);
                }

                residuals(next, moved);
                if (Square(moved) is var lower && lower < cost)
                {
                    (cost, damping) = (lower, Math.Max(damping / 8, 1e-12));
                    (at, next, r, moved) = (next, at, moved, r);
                    break;
                }
            }

            if (before - cost <= 1e-12 * before)
            {
                break;
            }
        }

        return (at, cost);
    }

    /// <summary>Solves a symmetric positive definite system with a Cholesky factorization; null if it is singular.</summary>
    public static double[]? Solve(double[,] matrix, double[] right)
    {
        var k = right.Length;
        var lower = new double[k, k];
        for (var i = 0; i < k; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var sum = matrix[i, j];
                for (var m = 0; m < j; m++)
                {
                    sum -= lower[i, m] * lower[j, m];
                }

                if (i == j && !(sum > 0))
                {
                    return null;
                }

                lower[i, j] = i == j ? Math.Sqrt(sum) : sum / lower[j, j];
            }
        }

        double[] x = [.. right];
        for (var i = 0; i < k; i++)
        {
            for (var m = 0; m < i; m++)
            {
                x[i] -= lower[i, m] * x[m];
            }

            x[i] /= lower[i, i];
        }

        for (var i = k - 1; i >= 0; i--)
        {
            for (var m = i + 1; m < k; m++)
            {
                x[i] -= lower[m, i] * x[m];
            }

            x[i] /= lower[i, i];
        }

        return x;
    }

    private static double[]? Step(double[][] jacobian, double[] residuals, double damping)
    {
        var k = jacobian.Length;
        var normal = new double[k, k];
        var gradient = new double[k];
        for (var p = 0; p < k; p++)
        {
            for (var q = 0; q <= p; q++)
            {
                normal[p, q] = normal[q, p] = Dot(jacobian[p], jacobian[q]);
            }

            gradient[p] = -Dot(jacobian[p], residuals);
        }

        for (var p = 0; p < k; p++)
        {
            normal[p, p] += damping * Math.Max(normal[p, p], 1e-12);
        }

        return Solve(normal, gradient);
    }

    private static double Square(double[] values) => Dot(values, values);

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
