using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

public sealed class AugmentationTests
{
    private const int Side = 6;

    private static readonly uint[] Square = [.. Enumerable.Range(0, Side * Side).Select(i => (uint)(i * 0x010305))];

    [Fact]
    public void Mirroring_turns_rows_around_and_twice_gives_the_picture_back()
    {
        var mirrored = Apply(new ImageTransformOptions(Side) { FlipProbability = 1 }, 0);
        for (var i = 0; i < Square.Length; i++)
        {
            Assert.Equal(Square[(i / Side * Side) + Side - 1 - (i % Side)], mirrored[i]);
        }

        Augmentation.Mirror(mirrored, Side);
        Assert.Equal(Square, mirrored);
    }

    [Fact]
    public void So_many_samples_are_changed_as_the_probability_says_and_the_same_ones_every_time()
    {
        foreach (
            var options in new[]
            {
                new ImageTransformOptions(Side) { FlipProbability = 0.3 },
                new ImageTransformOptions(Side) { GreyscaleProbability = 0.3 },
            }
        )
        {
            var changed = Changed(options);
            Assert.InRange(changed.Length, 520, 680);
            Assert.Equal(changed, Changed(options));
        }
    }

    [Fact]
    public void Without_options_nothing_is_drawn_or_changed()
    {
        var random = new CounterRandom(1, 2, 3);
        var untouched = random;
        var square = (uint[])Square.Clone();
        Augmentation.Apply(square, new ImageTransformOptions(Side), ref random);
        Assert.Equal(Square, square);
        Assert.Equal(untouched.NextUInt32(), random.NextUInt32());
    }

    private static int[] Changed(ImageTransformOptions options) =>
        [.. Enumerable.Range(0, 2000).Where(sample => !Apply(options, (ulong)sample).AsSpan().SequenceEqual(Square))];

    private static uint[] Apply(ImageTransformOptions options, ulong sample)
    {
        var random = new CounterRandom(9, 0, sample);
        var square = (uint[])Square.Clone();
        Augmentation.Apply(square, options, ref random);
        return square;
    }
}
