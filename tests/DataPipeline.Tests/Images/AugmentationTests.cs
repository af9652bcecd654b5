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
                new ImageTransformOptions(Side) { Rotation = new RandomStrength(0.3, 5, 10) },
                new ImageTransformOptions(Side) { Border = new RandomStrength(0.3, 0.1, 0.2) },
                new ImageTransformOptions(Side) { Blur = new RandomStrength(0.3, 0.5, 1) },
                new ImageTransformOptions(Side) { Compression = new RandomStrength(0.3, 10, 20) },
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
        using var augmentation = new Augmentation(new ImageTransformOptions(Side));
        augmentation.Apply(square, ref random);
        Assert.Equal(Square, square);
        Assert.Equal(untouched.NextUInt32(), random.NextUInt32());
    }

    [Fact]
    public void Views_are_a_function_of_the_sample_whatever_the_transform_has_made_before()
    {
        byte[] picture = [.. "P6\n48 40\n255\n"u8, .. Enumerable.Range(0, 48 * 40 * 3).Select(i => (byte)(i * 7 % 251))];
        using var used = new TwoViewTransform(All);
        var views = Enumerable.Range(0, 12).Select(sample => View(used, (ulong)sample)).ToList();
        Assert.Equal(12, views.Select(Convert.ToHexString).Distinct(StringComparer.Ordinal).Count());
        foreach (var sample in (int[])[7, 3, 11, 0, 3])
        {
            using var fresh = new TwoViewTransform(All);
            Assert.Equal(views[sample], View(fresh, (ulong)sample));
            Assert.Equal(views[sample], View(used, (ulong)sample));
        }

        byte[] View(TwoViewTransform transform, ulong sample)
        {
            var random = new CounterRandom(4, 1, sample);
            transform.Train(picture, ref random);
            var chw = new byte[transform.OutputBytes];
            transform.Write(chw);
            return chw;
        }
    }

    [Fact]
    public void A_strength_out_of_range_is_refused()
    {
        Refused(All with { Border = new RandomStrength(1, 0, 0.5) }, "Border is from 0 to 0.5");
        Refused(All with { Blur = new RandomStrength(1, 0, 1) }, "Blur is from 0 to 1");
        Refused(All with { Blur = new RandomStrength(1, 2, 1) }, "Blur is from 2 to 1");
        Refused(All with { Compression = new RandomStrength(1, 0, 50) }, "Compression is from 0 to 50");
        Refused(All with { Rotation = new RandomStrength(1, -200, 200) }, "Rotation is from -200 to 200");

        static void Refused(ImageTransformOptions options, string reason) =>
            Assert.Contains(
                reason,
                Assert.Throws<ArgumentException>(() => new ClipImageTransform(options)).Message,
                StringComparison.Ordinal
            );
    }

    private static ImageTransformOptions All =>
        new(20)
        {
            Type = ImageType.UInt8,
            FlipProbability = 0.5,
            Rotation = new RandomStrength(0.5, -20, 20),
            Border = new RandomStrength(0.5, 0, 0.2),
            Jitter = new ColourJitter(0.5, 0.4, 0.4, 0.4, 0.1),
            GreyscaleProbability = 0.2,
            Blur = new RandomStrength(0.5, 0.1, 3),
            Compression = new RandomStrength(0.5, 10, 90),
        };

    private static int[] Changed(ImageTransformOptions options) =>
        [.. Enumerable.Range(0, 2000).Where(sample => !Apply(options, (ulong)sample).AsSpan().SequenceEqual(Square))];

    private static uint[] Apply(ImageTransformOptions options, ulong sample)
    {
        var random = new CounterRandom(9, 0, sample);
        var square = (uint[])Square.Clone();
        using var augmentation = new Augmentation(options);
        augmentation.Apply(square, ref random);
        return square;
    }
}
