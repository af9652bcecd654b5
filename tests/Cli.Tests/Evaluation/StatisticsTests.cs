using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Cli.Tests.Evaluation;

/// <summary>Expected values are computed by hand or from the formulas with 40 digits; coverage is simulated.</summary>
public class StatisticsTests
{
    private const int Simulations = 2000;

    [Theory]
    [InlineData(1, 10, 0.01787621309507, 0.40415002679523)]
    [InlineData(95, 100, 0.88824953076808, 0.97845632084563)]
    [InlineData(0, 20, 0, 0.16112515805281)]
    [InlineData(20, 20, 0.83887484194718, 1)]
    public void A_proportion_has_Wilsons_interval(long right, long trials, double low, double high)
    {
        var interval = Interval.OfProportion(right / (double)trials, trials);
        Assert.Equal(low, interval.Low, 1e-12);
        Assert.Equal(high, interval.High, 1e-12);
    }

    [Fact]
    public void Without_trials_the_interval_is_the_whole_range() => Assert.Equal(new Interval(0, 1), Interval.OfProportion(0, 0));

    [Theory]
    [InlineData(0.1, 100)]
    [InlineData(0.5, 40)]
    [InlineData(0.85, 200)]
    public void The_interval_of_a_proportion_holds_the_true_one_in_95_of_100_samples(double share, int trials) =>
        AssertCovers(
            share,
            random => Interval.OfProportion(Enumerable.Range(0, trials).Count(_ => random.NextDouble() < share) / (double)trials, trials)
        );

    /// <summary>
    /// P(Binomial(10, 1/2) ≤ 1) = 0.0107 and P(… ≤ 2) = 0.0547, so the bounds are the second values from either end.
    /// </summary>
    [Fact]
    public void The_median_lies_between_two_order_statistics() =>
        Assert.Equal(new Interval(2, 9), Interval.OfMedian([.. Enumerable.Range(1, 10).Select(i => (double)i)]));

    [Theory]
    [InlineData(201)]
    [InlineData(1501)]
    public void The_interval_of_a_median_holds_the_true_one_in_95_of_100_samples(int count) =>
        AssertCovers(0.5, random => Interval.OfMedian([.. Enumerable.Range(0, count).Select(_ => random.NextDouble()).Order()]));

    [Fact]
    public void The_interval_of_a_mean_over_classes_holds_the_true_one_in_95_of_100_samples()
    {
        // Classes of unequal size and accuracy, so that the mean over classes differs from the mean over images.
        double[] accuracy = [0.9, 0.6, 0.3];
        int[] images = [160, 80, 60];
        AssertCovers(
            accuracy.Average(),
            random =>
                Classification
                    .Of(
                        [
                            .. images.SelectMany(
                                (count, label) => Enumerable.Range(0, count).Select(_ => Random(random, label, accuracy[label]))
                            ),
                        ],
                        3
                    )
                    .MeanPerClassInterval,
            300
        );
    }

    [Fact]
    public void A_class_without_images_and_predictions_counts_in_no_metric()
    {
        var figures = Classification.Of([Of(0, 0), Of(0, 1), Of(1, 1), Of(1, 1), Of(1, 2), Of(2, 0)], 4);
        Assert.Equal(3 / 6.0, figures.Top1, 1e-9);
        Assert.Equal(((1 / 2.0) + (2 / 3.0) + 0) / 3, figures.MeanPerClass, 1e-9);
        Assert.Equal(((2 / 4.0) + (4 / 6.0) + 0) / 3, figures.MacroF1, 1e-9);
        Assert.Equal(0, figures.WorstClass);
    }

    [Fact]
    public void Calibration_is_the_distance_between_confidence_and_accuracy_bin_by_bin()
    {
        // Two bins: confidence 0.9 with three of four correct, confidence 0.5 with one of two correct.
        Prediction[] predictions =
        [
            .. Enumerable.Range(0, 4).Select(i => new Prediction(0, i < 3 ? 0 : 1, i < 3 ? 0 : 1, 0.9)),
            new(1, 1, 0, 0.5),
            new(1, 0, 1, 0.5),
        ];
        Assert.Equal(4 / 6.0 * 0.15, Classification.Of(predictions, 2).CalibrationError, 1e-9);
    }

    [Fact]
    public void Intervals_are_reproducible_and_contain_their_estimate()
    {
        var random = new Random(3);
        Prediction[] predictions = [.. Enumerable.Range(0, 200).Select(i => Random(random, i % 4, 0.7))];
        var (first, second) = (Classification.Of(predictions, 4), Classification.Of(predictions, 4));
        Assert.Equal(first, second);
        Assert.InRange(first.MeanPerClass, first.MeanPerClassInterval.Low, first.MeanPerClassInterval.High);
        Assert.InRange(first.MacroF1, first.MacroF1Interval.Low, first.MacroF1Interval.High);
    }

    [Fact]
    public void The_results_list_every_metric_with_its_interval_and_sample_count()
    {
        var retrieval = new RetrievalResult(Recall.FromRanks([0, 3, 20]), Recall.FromRanks([0]), 3, 1);
        var rows = ResultFiles.Rows(new SplitFigures("seen", "retrieval", retrieval)).ToList();
        Assert.Equal(
            ["r1", "r5", "r10", "median_rank", "r1", "r5", "r10", "median_rank"],
            rows.ConvertAll(row => row.Metric),
            StringComparer.Ordinal
        );
        var r5 = rows[1];
        Assert.Equal(("seen", "retrieval image_to_text", 3L), (r5.Set, r5.Task, r5.N));
        Assert.Equal(2 / 3.0, r5.Value);
        Assert.Equal((retrieval.ImageToText.R5Interval.Low, retrieval.ImageToText.R5Interval.High), (r5.Low!.Value, r5.High!.Value));
        Assert.Equal(4, rows[3].Value);
    }

    /// <summary>2 · P(Binomial(10, 1/2) ≤ 1) = 22 / 1024; an even split gives p = 1.</summary>
    [Theory]
    [InlineData(1, 9, 22 / 1024.0)]
    [InlineData(9, 1, 22 / 1024.0)]
    [InlineData(5, 5, 1)]
    [InlineData(0, 0, 1)]
    public void McNemars_test_is_exact(int first, int second, double p) => Assert.Equal(p, PairedTest.McNemar(first, second), 1e-12);

    [Fact]
    public void Holm_multiplies_the_smallest_by_the_number_of_tests_and_keeps_the_order()
    {
        Assert.Equal([0.04, 0.06, 0.06, 0.5], PairedTest.Holm([0.01, 0.03, 0.02, 0.5]), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([1, 1], PairedTest.Holm([0.9, 0.8]));
    }

    [Fact]
    public void Models_are_compared_image_by_image()
    {
        // The second model is right wherever the first is, and on 8 more images.
        var first = Classification.Of([.. Enumerable.Range(0, 40).Select(i => Of(0, i < 20 ? 0 : 1))], 2);
        var second = Classification.Of([.. Enumerable.Range(0, 40).Select(i => Of(0, i < 28 ? 0 : 1))], 2);
        var row = Assert.Single(
            SplitComparison.Of([new SplitFigures("seen", "zero_shot", first)], [new SplitFigures("seen", "zero_shot", second)])
        );
        Assert.Equal((0.5, 0.7, 40L), (row.First, row.Second, row.N));
        Assert.Equal(0.2, row.Difference, 1e-12);
        Assert.InRange(row.Difference, row.Range.Low, row.Range.High);
        Assert.True(row.Range.Low > 0);
        Assert.Equal(2 / 256.0, row.P, 1e-12);
    }

    [Fact]
    public void Models_that_never_differ_still_have_an_interval_of_positive_width()
    {
        var interval = Interval.OfDifference(0, 0, 20);
        Assert.Equal(1.959963984540054 / 22, interval.High, 1e-12);
        Assert.Equal(-interval.High, interval.Low);
    }

    [Fact]
    public void Models_measured_on_other_images_are_not_compared()
    {
        SplitFigures[] Of(int images) =>
            [new("seen", "zero_shot", Classification.Of([.. Enumerable.Range(0, images).Select(_ => StatisticsTests.Of(0, 0))], 1))];
        Assert.Contains(
            "3 images or queries, the other on 2",
            Assert.Throws<CorpusException>(() => SplitComparison.Of(Of(3), Of(2))).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_interval_of_a_difference_holds_the_true_one_in_95_of_100_samples() =>
        AssertCovers(
            0.1,
            random =>
            {
                var images = Enumerable.Range(0, 200).Select(_ => random.NextDouble()).ToList();
                SplitFigures[] Model(double low, double high) =>
                    [new("seen", "zero_shot", Classification.Of([.. images.Select(draw => Of(0, draw >= low && draw < high ? 0 : 1))], 2))];
                return Assert.Single(SplitComparison.Of(Model(0, 0.6), Model(0.1, 0.8))).Range;
            }
        );

    private static Prediction Of(int label, int predicted) => new(label, predicted, label == predicted ? 0 : 1, 0.5);

    private static Prediction Random(Random random, int label, double accuracy) =>
        Of(label, random.NextDouble() < accuracy ? label : (label + 1) % 3);

    private static void AssertCovers(double truth, Func<Random, Interval> sample, int simulations = Simulations)
    {
        var random = new Random(7);
        var held = Enumerable
            .Range(0, simulations)
            .Count(_ => sample(random) is var interval && interval.Low <= truth && truth <= interval.High);
        Assert.InRange(held / (double)simulations, 0.93, 0.97);
    }
}
