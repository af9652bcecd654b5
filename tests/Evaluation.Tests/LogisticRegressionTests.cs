using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Probes;

namespace ClipTrain.Evaluation.Tests;

/// <summary>Expected objectives are scikit-learn's 1.2.1 with tol=1e-12 (figures.py beside this file).</summary>
public class LogisticRegressionTests
{
    [Theory]
    [InlineData(0.01, 0.4308504993477711, 0.02799714, -0.01351193, -0.03742731)]
    [InlineData(1, 39.82216502736246, 0.44404948, -0.33996611, -0.68874872)]
    [InlineData(100, 3902.788115555114, 0.56672576, -0.48103638, -0.87900856)]
    public void The_minimum_is_that_of_scikit_learn(double c, double objective, double w0, double w1, double w2)
    {
        var (features, labels) = Data();
        using var regression = new LogisticRegression(features, labels, 3);
        var fitted = regression.Fit(c, 1000, 1e-12);
        Assert.Equal(1, fitted.Objective / objective, 1e-7);
        Assert.Equal([w0, w1, w2], fitted.Weights[..3], (a, b) => Math.Abs(a - b) < 2e-5);
    }

    [Fact]
    public void The_gradient_is_that_of_the_objective()
    {
        var (features, labels) = Data();
        using var regression = new LogisticRegression(features, labels, 3);
        double[] weights = [.. Enumerable.Range(0, 12).Select(i => Math.Sin(i))],
            gradient = new double[12],
            unused = new double[12];
        regression.Evaluate(0.7, weights, gradient);
        for (var i = 0; i < weights.Length; i++)
        {
            double At(double change) =>
                regression.Evaluate(0.7, [.. weights.Select((weight, j) => j == i ? weight + change : weight)], unused);
            Assert.Equal((At(1e-2) - At(-1e-2)) / 2e-2, gradient[i], 2e-3);
        }
    }

    [Fact]
    public void The_strongest_penalty_still_tells_classes_apart()
    {
        var (features, labels) = Data();
        for (var i = 0; i < labels.Length; i++)
        {
            features.Row(i)[labels[i]] += 4;
        }

        using var regression = new LogisticRegression(features, labels, 3);
        using var scores = LogisticRegression.Scores(regression.Fit(1e-6, 1000, 1e-3), features, 3);
        using var predicted = scores.argmax(1);
        Assert.Equal(labels, Enumerable.Range(0, labels.Length).Select(i => (int)predicted[i].item<long>()));
    }

    [Fact]
    public void A_good_start_leads_to_the_same_minimum()
    {
        var (features, labels) = Data();
        using var regression = new LogisticRegression(features, labels, 3);
        var first = regression.Fit(1, 1000, 1e-12);
        // The sums over samples are fp32, whose units are 1.2e-7.
        Assert.Equal(1, regression.Fit(1, 1000, 1e-12, regression.Fit(0.01, 1000, 1e-12).Weights).Objective / first.Objective, 1e-7);
    }

    [Fact]
    public void The_search_halves_the_distance_until_eight_steps_a_decade()
    {
        // Accuracy has its peak at 10^0.375, three of the finest steps above 1.
        var (best, tried) = StrengthSearch.Run(c => -Math.Abs(Math.Log10(c) - 0.375));
        Assert.Equal(Math.Pow(10, 0.375), best, 1e-9);
        Assert.Equal(1e-6, tried[0].C, 1e-15);
        Assert.Equal(1e6, tried[^1].C, 1e-3);
        Assert.InRange(tried.Count, 7, 15);
    }

    [Fact]
    public void At_the_end_of_the_range_the_search_stays_within_it()
    {
        var (best, tried) = StrengthSearch.Run(c => c);
        Assert.Equal(1e6, best, 1e-3);
        Assert.All(tried, one => Assert.InRange(one.C, 1e-6 * (1 - 1e-12), 1e6 * (1 + 1e-12)));
    }

    private static (Matrix Features, int[] Labels) Data()
    {
        var features = new Matrix(40, 3);
        var numbers = Sequence.Of(120, 11);
        for (var i = 0; i < numbers.Length; i++)
        {
            features.Values[i] = (float)((numbers[i] / 65536 % 200 / 100.0) - 1);
        }

        return (features, Array.ConvertAll(Sequence.Of(40, 12), x => (int)(x / 65536 % 3)));
    }
}
