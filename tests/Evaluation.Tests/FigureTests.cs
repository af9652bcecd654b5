using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Robustness;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Tests;

/// <summary>
/// Expected values are published ones, or from NumPy 1.24 and SciPy 1.10 by the definition (figures.py beside this file).
/// </summary>
public class FigureTests
{
    private const double Close = 1e-9;

    [Theory]
    [InlineData(1, 10, 0.95, 0.0025285785444617848, 0.4450161170281954)]
    [InlineData(95, 100, 0.995, 0.8559400528953274, 0.9907187667503711)]
    public void The_exact_interval_is_that_of_beta_quantiles(long right, long trials, double confidence, double low, double high)
    {
        var interval = BinomialTest.ClopperPearson(right, trials, confidence);
        Assert.Equal(low, interval.Low, Close);
        Assert.Equal(high, interval.High, Close);
    }

    [Fact]
    public void The_exact_interval_reaches_the_ends_where_all_or_none_succeed()
    {
        Assert.Equal(0, BinomialTest.ClopperPearson(0, 20).Low);
        Assert.Equal(1, BinomialTest.ClopperPearson(20, 20).High);
        Assert.Equal(1 - Math.Pow(0.025, 1 / 20.0), BinomialTest.ClopperPearson(0, 20).High, Close);
    }

    [Fact]
    public void The_binomial_test_sums_the_upper_tail()
    {
        Assert.Equal(0.02478282311649308, BinomialTest.AtLeast(70, 100, 0.6), Close);
        Assert.Equal((1, 0), (BinomialTest.AtLeast(0, 5, 0.1), BinomialTest.AtLeast(6, 5, 0.1)));
        Assert.Equal(Math.Pow(0.1, 5), BinomialTest.AtLeast(5, 5, 0.1), Close);
    }

    [Fact]
    public void Ranking_figures_with_ties_equal_their_definitions()
    {
        var scores = Array.ConvertAll(Sequence.Of(60, 12345), x => x % 41 / 41f);
        var positive = Array.ConvertAll(Sequence.Of(60, 999), x => x / 65536 % 3 == 0);
        var ranked = new RankedScores(scores, positive);
        Assert.Equal(0.42628571428571427, ranked.RocAuc(), Close);
        Assert.Equal(0.4388482280431432, ranked.AveragePrecision11(), Close);
    }

    [Fact]
    public void An_image_that_is_drawn_twice_counts_as_two_images()
    {
        float[] scores = [0.9f, 0.7f, 0.6f, 0.2f];
        bool[] positive = [true, false, true, false];
        var drawn = new RankedScores(scores, positive);
        var repeated = new RankedScores([0.9f, 0.7f, 0.7f, 0.6f], [true, false, false, true]);
        Assert.Equal(repeated.RocAuc(), drawn.RocAuc([1, 2, 1, 0]), Close);
        Assert.Equal(repeated.AveragePrecision11(), drawn.AveragePrecision11([1, 2, 1, 0]), Close);
    }

    [Fact]
    public void Figures_over_classes_and_calibration_equal_their_definitions()
    {
        var (labels, given, kept, confidence) = (Sequence.Of(50, 7), Sequence.Of(50, 8), Sequence.Of(50, 9), Sequence.Of(50, 10));
        var predictions = Enumerable
            .Range(0, 50)
            .Select(i =>
            {
                var (label, other) = ((int)(labels[i] / 65536 % 4), (int)(given[i] / 65536 % 4));
                var predicted = kept[i] / 65536 % 3 > 0 ? label : other;
                return new Prediction(label, predicted, predicted == label ? 0 : 1, ((confidence[i] / 65536 % 1000) + 1) / 1001.0);
            })
            .ToList();
        var figures = Classification.Of(predictions, 4);
        Assert.Equal(0.76, figures.Top1, Close);
        Assert.Equal(0.7613636363636364, figures.MeanPerClass, Close);
        Assert.Equal(0.753996003996004, figures.MacroF1, Close);
        Assert.Equal(0.4634965034965035, figures.CalibrationError, Close);
    }

    /// <summary>
    /// The published line of ImageNet Sketch (338 models of imagenet-testbed) and CLIP's accuracies of the paper's table 16.
    /// </summary>
    [Fact]
    public void Effective_robustness_is_the_distance_to_the_line_on_logits() =>
        Assert.Equal(0.35671501910282977, new BaselineLine(1.0709, -2.3701, []).Effective(0.762, 0.602), Close);

    [Fact]
    public void The_line_is_least_squares_on_logits_without_models_at_0_and_1()
    {
        double[] x = [0.2, 0.4, 0.6, 0.8, 0.9],
            y = [0.1, 0.22, 0.35, 0.6, 0.7];
        var line = BaselineLine.Fit(
            [
                .. x.Zip(y, (a, b) => new BaselineModel("model", a, b)),
                new BaselineModel("chance", 0, 0),
                new BaselineModel("perfect", 1, 0.9),
            ],
            "test"
        );
        Assert.Equal(0.86814396, line.Slope, 1e-8);
        Assert.Equal(-0.94733489, line.Intercept, 1e-8);
        Assert.Equal(5, line.Models.Count);
    }

    /// <summary>Between 2 labels at 0.4 and 4 at 0.6 half the way on a logarithmic axis is 2√2.</summary>
    [Fact]
    public void Labels_to_match_are_read_off_the_curve_on_a_logarithmic_axis()
    {
        FewShotPoint Point(int shots, double accuracy) => new(shots, accuracy, new Interval(0, 1));
        FewShotPoint[] curve = [Point(1, 0.3), Point(2, 0.4), Point(4, 0.6)];
        Assert.Equal(2 * Math.Sqrt(2), FewShotEvaluation.LabelsToMatch(curve, 0.5)!.Value, Close);
        Assert.Null(FewShotEvaluation.LabelsToMatch(curve, 0.7));
    }

    [Fact]
    public void Bonferroni_multiplies_by_the_number_of_tests() =>
        Assert.Equal([0.03, 0.6, 1], BinomialTest.Bonferroni([0.01, 0.2, 0.5]), (a, b) => Math.Abs(a - b) < Close);
}
