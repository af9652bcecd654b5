using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Tests;

/// <summary>Simulations with known values: 95% intervals cover them in 93 to 97 of 100 samples.</summary>
public class CoverageTests
{
    private const int Simulations = 600;

    [Fact]
    public void Of_a_roc_auc()
    {
        // Scores are uniform, shifted by 0.3 for the class: P(U + 0.3 > V) = 1 − 0.7² / 2.
        Covers(
            1 - (0.49 / 2),
            random =>
            {
                bool[] positive = [.. Enumerable.Range(0, 120).Select(i => i % 3 == 0)];
                var ranked = new RankedScores(
                    [.. positive.Select(isPositive => (float)(random.NextDouble() + (isPositive ? 0.3 : 0)))],
                    positive
                );
                return RankedScores.MeanOf([ranked], positive.Length, (one, times) => one.RocAuc(times)).Interval;
            }
        );
    }

    [Fact]
    public void Of_the_calibration_error()
    {
        // Confidence 0.9 where 7 of 10 are right, and 0.5 where 3 of 10 are.
        Covers(
            0.2,
            random =>
                Reliability
                    .Of([
                        .. Enumerable
                            .Range(0, 300)
                            .Select(i =>
                            {
                                var (confidence, accuracy) = i % 2 == 0 ? (0.9, 0.7) : (0.5, 0.3);
                                var isRight = random.NextDouble() < accuracy;
                                return new Prediction(0, isRight ? 0 : 1, isRight ? 0 : 1, confidence);
                            }),
                    ])
                    .ErrorInterval()
        );
    }

    [Fact]
    public void Of_a_figure_of_two_sets() =>
        Covers(
            0.15,
            random =>
            {
                int Draw(int n, double p) => Enumerable.Range(0, n).Count(_ => random.NextDouble() < p);
                return Bootstrap.OfTwoShares((Draw(250, 0.8), 250), (Draw(200, 0.65), 200), (a, b) => a - b);
            }
        );

    [Fact]
    public void Of_a_mean_over_draws_and_images()
    {
        // Each draw of training images moves the accuracy of 0.6 by a normal number; the test images are drawn once for all.
        Covers(
            0.6,
            random =>
            {
                double[] images = [.. Enumerable.Range(0, 400).Select(_ => random.NextDouble())];
                double[] draws = [.. Enumerable.Range(0, 5).Select(_ => MathNet.Numerics.Distributions.Normal.Sample(random, 0.6, 0.03))];
                return FewShotEvaluation.Over([.. draws.Select(accuracy => images.Count(draw => draw < accuracy) / 400.0)], 400);
            },
            2000
        );
    }

    /// <summary>Exact intervals are conservative because of discreteness.</summary>
    [Fact]
    public void Of_an_exact_interval_is_never_below_95_of_100()
    {
        foreach (var (trials, share) in new[] { (50, 0.1), (200, 0.37), (1000, 0.9) })
        {
            var held = Enumerable
                .Range(0, trials + 1)
                .Where(right =>
                    BinomialTest.ClopperPearson(right, trials) is var interval && interval.Low <= share && share <= interval.High
                )
                .Sum(right => MathNet.Numerics.Distributions.Binomial.PMF(share, trials, right));
            Assert.InRange(held, 0.95, 0.99);
        }
    }

    private static void Covers(double truth, Func<Random, Interval> sample, int simulations = Simulations)
    {
        var random = new Random(11);
        var held = Enumerable
            .Range(0, simulations)
            .Count(_ => sample(random) is var interval && interval.Low <= truth && truth <= interval.High);
        Assert.InRange(held / (double)simulations, 0.93, 0.97);
    }
}
