namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// Iso-FLOP parabolas (Hoffmann et al. 2022, approach 2): for each compute budget the error is a parabola in log N, whose minimum gives
/// the best model, N = GN·x^a, and the best number of samples, D = GD·x^b.
/// </summary>
public sealed class IsoFlopLaw : Law
{
    /// <summary>Budgets within this factor count as equal, since models cannot meet a budget exactly.</summary>
    private const double SameBudget = 1.15;

    private const int Coefficients = 3;

    private readonly List<(double LogX, int[] Rows)> _budgets = [];
    private readonly Sample _sample;

    /// <param name="sample">A sample with model sizes and samples seen.</param>
    public IsoFlopLaw(Sample sample)
    {
        _sample = sample;
        for (int first = 0, next; first < sample.Count; first = next)
        {
            for (next = first; next < sample.Count && sample.LogX[next] - sample.LogX[first] <= Math.Log(SameBudget); next++) { }

            int[] rows = [.. Enumerable.Range(first, next - first)];
            if (rows.Select(row => sample.LogParams![row]).Distinct().Count() <= Coefficients - 1)
            {
                continue;
            }

            _budgets.Add((rows.Average(row => sample.LogX[row]), rows));
        }
    }

    public override string Name => "isoflop";

    public override string Formula => "N = GN · x^a, D = GD · x^b at the lowest points of error(log N) for each budget x";

    public override IReadOnlyList<string> Parameters { get; } = ["a", "b", "GN", "GD"];

    public override int Coordinates => Math.Max(1, Coefficients * _budgets.Count);

    /// <summary>Logarithm of the mean compute of each budget with at least three model sizes.</summary>
    public IReadOnlyList<double> Budgets => [.. _budgets.Select(budget => budget.LogX)];

    /// <summary>Selects the observations that belong to a budget.</summary>
    public override Sample Select(Sample sample) => sample.Take([.. _budgets.SelectMany(budget => budget.Rows)]);

    public override double[]? Fit(Sample sample, double[]? start)
    {
        var at = new double[_budgets.Count * Coefficients];
        var row = 0;
        foreach (var (budget, (_, rows)) in _budgets.Index())
        {
            var normal = new double[Coefficients, Coefficients];
            var right = new double[Coefficients];
            foreach (var _ in rows)
            {
                var terms = Terms(sample.LogParams![row], budget);
                for (var p = 0; p < Coefficients; p++)
                {
                    right[p] += terms[p] * sample.LogY[row];
                    for (var q = 0; q < Coefficients; q++)
                    {
                        normal[p, q] += terms[p] * terms[q];
                    }
                }

                row++;
            }

            if (LeastSquares.Solve(normal, right) is not { } parabola)
            {
                return null;
            }

            parabola.CopyTo(at, budget * Coefficients);
        }

        return _budgets.Count > 1 ? at : null;
    }

    public override double LogAt(Sample sample, int row, double[] at)
    {
        var budget = _budgets.FindIndex(budget => Math.Abs(budget.LogX - sample.LogX[row]) <= Math.Log(SameBudget));
        return LogAtModel(budget, sample.LogParams![row], at);
    }

    /// <summary>Logarithm of the error of a model at a budget.</summary>
    public double LogAtModel(int budget, double logParams, double[] at)
    {
        var terms = Terms(logParams, budget);
        return Enumerable.Range(0, Coefficients).Sum(p => terms[p] * at[(budget * Coefficients) + p]);
    }

    /// <summary>Logarithm of the best model at a budget; null if the parabola has no minimum.</summary>
    public double? Lowest(int budget, double[] at) =>
        at[(budget * Coefficients) + 2] > 0
            ? Centre(budget) - (at[(budget * Coefficients) + 1] / (2 * at[(budget * Coefficients) + 2]))
            : null;

    public override double[] Named(double[] at)
    {
        var lowest = _budgets
            .Select((budget, i) => (budget.LogX, LogParams: Lowest(i, at), budget.Rows))
            .Where(point => point.LogParams is not null)
            .ToList();
        if (lowest.Count < 2)
        {
            return [double.NaN, double.NaN, double.NaN, double.NaN];
        }

        double[] x = [.. lowest.Select(point => point.LogX)];
        var (a, logN) = LeastSquares.Line(x, [.. lowest.Select(point => point.LogParams!.Value)]);
        var (b, logD) = LeastSquares.Line(x, [.. lowest.Select(point => DataOf(point.Rows, point.LogParams!.Value))]);
        return [a, b, Math.Exp(logN), Math.Exp(logD)];
    }

    /// <summary>Logarithm of the samples that a budget leaves for a model, interpolated from the trials.</summary>
    private double DataOf(int[] rows, double logParams)
    {
        var (slope, intercept) = LeastSquares.Line(
            [.. rows.Select(row => _sample.LogParams![row])],
            [.. rows.Select(row => _sample.LogData![row])]
        );
        return intercept + (slope * logParams);
    }

    private double[] Terms(double logParams, int budget)
    {
        var offset = logParams - Centre(budget);
        return [1, offset, offset * offset];
    }

    private double Centre(int budget) => _budgets[budget].Rows.Average(row => _sample.LogParams![row]);
}
