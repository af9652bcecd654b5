using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class CaptionChoiceTests
{
    private const ulong Seed = 9;

    private static readonly string?[][] Columns =
    [
        ["a"],
        ["b1", " ", "b2", null],
        [],
        ["c"],
    ];

    [Fact]
    public void All_uses_each_caption_once_in_as_many_epochs_from_places_that_differ()
    {
        var choice = new CaptionChoice(CaptionMode.All, [], Seed);
        for (long sample = 0; sample < 50; sample++)
        {
            for (long start = 0; start < 5; start++)
            {
                Assert.Equal(
                    ["a", "b1", "b2", "c"],
                    Enumerable.Range(0, 4).Select(i => choice.Of(Columns, new SampleRef(start + i, sample))).Order(StringComparer.Ordinal),
                    StringComparer.Ordinal
                );
            }
        }

        var first = Enumerable.Range(0, 4000).CountBy(sample => choice.Of(Columns, new SampleRef(0, sample))!);
        Assert.All(first, count => Assert.InRange(count.Value, 850, 1150));
    }

    [Theory]
    [InlineData(new double[0], 1.0 / 3, 1.0 / 6)]
    [InlineData(new[] { 6.0, 3, 100, 1 }, 0.6, 0.15)]
    public void Random_draws_columns_by_weight_and_their_captions_alike(double[] weights, double ofFirst, double ofSecondEach)
    {
        const int Draws = 40_000;
        var choice = new CaptionChoice(CaptionMode.Random, weights, Seed);

        var counts = Enumerable
            .Range(0, Draws)
            .CountBy(i => choice.Of(Columns, new SampleRef(i % 200, i / 200))!)
            .ToDictionary(StringComparer.Ordinal);

        foreach (
            var (caption, share) in new[]
            {
                ("a", ofFirst),
                ("b1", ofSecondEach),
                ("b2", ofSecondEach),
                ("c", 1 - ofFirst - (2 * ofSecondEach)),
            }
        )
        {
            Assert.InRange(Math.Abs(counts[caption] - (share * Draws)), 0, 5 * Math.Sqrt(Draws * share * (1 - share)));
        }

        Assert.Equal(4, counts.Count);
    }

    [Theory]
    [InlineData(CaptionMode.Random)]
    [InlineData(CaptionMode.All)]
    public void Blank_captions_are_no_captions(CaptionMode mode)
    {
        var choice = new CaptionChoice(mode, [], Seed);

        Assert.Null(
            choice.Of(
                [
                    ["", " \n"],
                    [null],
                    [],
                ],
                new SampleRef(0, 0)
            )
        );
        Assert.All(
            Enumerable.Range(0, 20),
            epoch =>
                Assert.Equal(
                    "x",
                    choice.Of(
                        [
                            ["", "\t"],
                            ["x", null],
                        ],
                        new SampleRef(epoch, 3)
                    )
                )
        );
    }
}
