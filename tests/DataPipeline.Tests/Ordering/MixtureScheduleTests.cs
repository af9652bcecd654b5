using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public sealed class MixtureScheduleTests
{
    private static readonly double[][] Weights =
    [
        [1],
        [1, 1],
        [3, 1],
        [1, 3],
        [1, 1, 1],
        [5, 3, 2],
        [7, 11, 13, 1],
        [1e-6, 1],
        [0.3, 0.5, 0.2, 1e-3],
        [1, 1e6],
        [Math.PI, Math.E, 1],
    ];

    public static TheoryData<double[]> Grid => [.. Weights];

    [Theory]
    [MemberData(nameof(Grid))]
    public void Each_position_is_the_next_of_one_corpus(double[] weights)
    {
        var schedule = new MixtureSchedule(weights);
        var counts = new long[weights.Length];
        for (long position = 0; position < 3000; position++)
        {
            for (var corpus = 0; corpus < weights.Length; corpus++)
            {
                Assert.Equal(counts[corpus], schedule.CountOf(corpus, position));
            }

            var (taker, offset) = schedule.At(position);
            Assert.Equal(counts[taker]++, offset);
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Shares_are_kept_to_the_sample_anywhere(double[] weights)
    {
        var schedule = new MixtureSchedule(weights);
        foreach (var positions in (long[])[1, 10, 999, 123_456_789, 1_000_000_000_000])
        {
            for (var corpus = 0; corpus < weights.Length; corpus++)
            {
                Assert.InRange(
                    schedule.CountOf(corpus, positions) - (positions * weights[corpus] / weights.Sum()),
                    -weights.Length,
                    weights.Length
                );
            }
        }
    }

    [Theory]
    [InlineData(new double[] { 5, 3, 2 })]
    [InlineData(new double[] { 400_000_001, 12_345_677, 3 })]
    public void Whole_weights_are_counts_that_come_out_exactly(double[] weights)
    {
        var schedule = new MixtureSchedule(weights);
        foreach (var rounds in (long[])[1, 2, 17, 1000])
        {
            for (var corpus = 0; corpus < weights.Length; corpus++)
            {
                Assert.Equal(rounds * (long)weights[corpus], schedule.CountOf(corpus, rounds * (long)weights.Sum()));
            }
        }
    }

    [Theory]
    [InlineData(MixtureSampling.Proportional, 1, 0.9)]
    [InlineData(MixtureSampling.Fixed, 1, 0.5)]
    [InlineData(MixtureSampling.Temperature, 1, 0.9)]
    [InlineData(MixtureSampling.Temperature, 2, 0.75)]
    [InlineData(MixtureSampling.Temperature, 1e9, 0.5)]
    public void A_corpus_of_nine_tenths_has_the_share_that_the_rule_gives(MixtureSampling sampling, double temperature, double expected)
    {
        double[] shares =
        [
            CorpusShare.Of([400, 500], 1, sampling, temperature).Weight,
            CorpusShare.Of([100], 1, sampling, temperature).Weight,
        ];
        Assert.Equal(expected, shares[0] / shares.Sum(), 1e-6);
        Assert.Equal(2 * shares[1], CorpusShare.Of([100], 2, sampling, temperature).Weight, 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_weight_that_is_none_is_refused(double weight) => Assert.Throws<ArgumentException>(() => new MixtureSchedule([1, weight]));
}
