using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Probes;

/// <summary>A fitted linear classifier.</summary>
/// <param name="Weights">One row per class: its weights followed by its intercept.</param>
/// <param name="Objective">Final value of ½‖w‖² + C · Σ loss.</param>
/// <param name="Iterations">Number of L-BFGS steps.</param>
/// <param name="Evaluations">Number of passes over the data.</param>
public sealed record LinearClassifier(double[] Weights, double Objective, int Iterations, int Evaluations);

/// <summary>
/// Multinomial logistic regression with an L2 penalty on all but the intercepts, scikit-learn's objective
/// ½‖W‖² + C · Σᵢ −log softmax(W xᵢ + b)[yᵢ], minimized with L-BFGS. Products use fp32, one tile of rows at a time; sums and steps use
/// fp64. Needs memory for a tile and twenty copies of the weights in addition to the features. n images, d features, c classes.
/// </summary>
/// <remarks>
/// Steps are preconditioned with the inverse of a bound on the Hessian, A = C κ XᵀX + I (Böhning 1992), where κ is the mean of p (1 − p)
/// at chance level. XᵀX is computed once for all C.
/// </remarks>
public sealed class LogisticRegression : IDisposable
{
    /// <summary>Size of a tile, which stays in the cache between the two products.</summary>
    private const int TileBytes = 2 << 20,
        LeastTileRows = 256;

    private readonly Matrix _features;
    private readonly Tensor _labels_n,
        _gram;
    private readonly int _classes,
        _tile;

    /// <param name="features">nd.</param>
    /// <param name="labels">Class number of each row.</param>
    /// <param name="classes">Number of classes.</param>
    public LogisticRegression(Matrix features, int[] labels, int classes)
    {
        (_features, _classes) = (features, classes);
        _tile = Math.Max(LeastTileRows, TileBytes / sizeof(float) / features.Columns);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        _labels_n = tensor(Array.ConvertAll(labels, label => (long)label)).MoveToOuterDisposeScope().DetachFromDisposeScope();
        _gram = Gram().DetachFromDisposeScope();
    }

    /// <summary>Fits the classifier.</summary>
    /// <param name="c">Inverse strength of the penalty.</param>
    /// <param name="maxIterations">Maximum number of steps.</param>
    /// <param name="tolerance">Tolerated relative distance to the minimum.</param>
    /// <param name="start">Initial weights; null for zeros.</param>
    public LinearClassifier Fit(double c, int maxIterations, double tolerance, double[]? start = null)
    {
        using var guard = no_grad();
        var width = _features.Columns + 1;
        var weights = start is null ? new double[_classes * width] : (double[])start.Clone();
        using var factor = Factor(c);
        var end = new Lbfgs((w, g) => Evaluate(c, w, g), vector => Precondition(vector, factor, width)).Minimize(
            weights,
            maxIterations,
            tolerance
        );
        return new LinearClassifier(weights, end.Value, end.Iterations, end.Evaluations);
    }

    /// <summary>Scores [n, c] of a classifier.</summary>
    public static Tensor Scores(LinearClassifier classifier, Matrix features, int classes)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var weights_cd1 = tensor(classifier.Weights, [classes, features.Columns + 1]).to(float32);
        return features
            .View()
            .mm(weights_cd1.narrow(1, 0, features.Columns).t())
            .add_(weights_cd1.select(1, features.Columns))
            .MoveToOuterDisposeScope();
    }

    /// <summary>Computes the objective and its gradient.</summary>
    public double Evaluate(double c, double[] weights, double[] gradient)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (n, d) = (_features.Rows, _features.Columns);
        var weights_cd1 = tensor(weights, [_classes, d + 1]).to(float32);
        var weights_dc = weights_cd1.narrow(1, 0, d).t().contiguous();
        var bias_c = weights_cd1.select(1, d).contiguous();
        var gradient_cd = zeros([_classes, d], float64);
        var biasGradient_c = zeros([_classes], float64);
        var all_nd = _features.View();
        var loss = 0.0;
        for (long from = 0; from < n; from += _tile)
        {
            using var tile = NewDisposeScope();
            var rows = Math.Min(_tile, n - from);
            var features_rd = all_nd.narrow(0, from, rows);
            var labels_r1 = _labels_n.narrow(0, from, rows).unsqueeze(1);
            var log_rc = nn.functional.log_softmax(features_rd.mm(weights_dc).add_(bias_c), 1);
            loss -= log_rc.gather(1, labels_r1).sum(float64).item<double>();
            var residual_rc = log_rc.exp_();
            residual_rc.scatter_add_(1, labels_r1, full([rows, 1], -1f));
            gradient_cd.add_(residual_rc.t().mm(features_rd));
            biasGradient_c.add_(residual_rc.sum(0, type: float64));
        }

        var sums = gradient_cd.AsSpan<double>();
        var biases = biasGradient_c.AsSpan<double>();
        var penalty = 0.0;
        for (var row = 0; row < _classes; row++)
        {
            var at = row * (d + 1);
            var w = weights.AsSpan(at, d);
            for (var i = 0; i < d; i++)
            {
                penalty += w[i] * w[i];
                gradient[at + i] = (c * sums[(row * d) + i]) + w[i];
            }

            gradient[at + d] = c * biases[row];
        }

        return (penalty / 2) + (c * loss);
    }

    public void Dispose()
    {
        _labels_n.Dispose();
        _gram.Dispose();
    }

    /// <summary>X̃ᵀX̃ in fp64, where X̃ is X with an additional column of ones.</summary>
    private Tensor Gram()
    {
        using var scope = NewDisposeScope();
        var (n, d) = (_features.Rows, _features.Columns);
        var gram = zeros([d + 1, d + 1], float64);
        var all_nd = _features.View();
        for (long from = 0; from < n; from += _tile)
        {
            using var tile = NewDisposeScope();
            var rows = Math.Min(_tile, n - from);
            var features_rd = all_nd.narrow(0, from, rows);
            gram.narrow(0, 0, d).narrow(1, 0, d).add_(features_rd.t().mm(features_rd));
            var sums_d = features_rd.sum(0, type: float64);
            gram.select(0, d).narrow(0, 0, d).add_(sums_d);
            gram.select(1, d).narrow(0, 0, d).add_(sums_d);
        }

        gram.select(0, d).select(0, d).fill_(n);
        return gram.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The Cholesky factor of C κ X̃ᵀX̃ + I. fp32 products have eigenvalue errors of 1e-7 of the trace, so 1e-6 is added to make the
    /// matrix positive definite even for few images in many dimensions.
    /// </summary>
    private Tensor Factor(double c)
    {
        using var scope = NewDisposeScope();
        var width = _features.Columns + 1;
        var kappa = (1.0 / _classes) * (1 - (1.0 / _classes));
        var jitter = c * kappa * _gram.trace().item<double>() * 1e-6;
        var matrix = (_gram * (c * kappa)) + (eye(width, dtype: float64) * (1 + jitter));
        return linalg.cholesky(matrix).MoveToOuterDisposeScope();
    }

    private void Precondition(double[] vector, Tensor factor, int width)
    {
        using var scope = NewDisposeScope();
        var rows_cw = tensor(vector, [_classes, width]);
        var solved = cholesky_solve(rows_cw.t(), factor).t().contiguous();
        solved.AsSpan<double>().CopyTo(vector);
    }
}
