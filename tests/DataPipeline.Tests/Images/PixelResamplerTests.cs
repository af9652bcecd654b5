using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed class PixelResamplerTests(PillowReference reference)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_byte_is_Pillows_for_every_size_and_crop(bool vectorised)
    {
        using var resampler = new PixelResampler(vectorised);
        Assert.NotEmpty(reference.Cases.Resample);
        foreach (var item in reference.Cases.Resample)
        {
            var (width, height, rgb) = reference.Pixels(item.Source);
            using var image = Pixels.FromRgb(width, height, rgb);
            var box = new PixelBox(item.Box[0], item.Box[1], item.Box[2], item.Box[3]);
            var actual = Pixels.Resample(resampler, image, box, item.Size[0], item.Size[1], new PixelBox(0, 0, item.Size[0], item.Size[1]));
            var difference = Pixels.LargestDifference(reference.Pixels(item.Expected).Rgb, actual);
            Assert.True(difference == 0, $"{item.Source} {box} to {item.Size[0]} × {item.Size[1]}: {difference} levels from Pillow");
        }
    }

    [Fact]
    public void The_vectorised_and_the_portable_path_give_the_same_bytes()
    {
        using PixelResampler vectorised = new(vectorised: true),
            portable = new(vectorised: false);
        var random = new CounterRandom(1, 2, 3);
        for (var round = 0; round < 200; round++)
        {
            using var image = RandomImage(ref random, 90);
            int w = Next(ref random, 80),
                h = Next(ref random, 80);
            var window = new PixelBox(0, 0, w, h);
            var box = new PixelBox(0, 0, image.Width, image.Height);
            Assert.Equal(Pixels.Resample(portable, image, box, w, h, window), Pixels.Resample(vectorised, image, box, w, h, window));
        }
    }

    [Fact]
    public void Each_pass_is_within_one_level_of_the_defining_sum_in_double_precision()
    {
        using var resampler = new PixelResampler();
        var random = new CounterRandom(4, 5, 6);
        for (var round = 0; round < 60; round++)
        {
            using var image = RandomImage(ref random, 70);
            int w = Next(ref random, 70),
                h = Next(ref random, 70);
            var horizontal = Pixels.Resample(
                resampler,
                image,
                new PixelBox(0, 0, image.Width, image.Height),
                w,
                image.Height,
                new PixelBox(0, 0, w, image.Height)
            );
            var vertical = Pixels.Resample(
                resampler,
                image,
                new PixelBox(0, 0, image.Width, image.Height),
                image.Width,
                h,
                new PixelBox(0, 0, image.Width, h)
            );
            Assert.True(
                Pixels.LargestDifference(SlowResampling.Horizontal(Pixels.ToRgb(image), image.Width, image.Height, w), horizontal) <= 1
            );
            Assert.True(
                Pixels.LargestDifference(SlowResampling.Vertical(Pixels.ToRgb(image), image.Width, image.Height, h), vertical) <= 1
            );
        }
    }

    [Fact]
    public void A_window_is_that_part_of_the_whole_result()
    {
        using var resampler = new PixelResampler();
        var random = new CounterRandom(7, 8, 9);
        using var image = RandomImage(ref random, 120);
        var box = new PixelBox(0, 0, image.Width, image.Height);
        var whole = Pixels.Resample(resampler, image, box, 60, 50, new PixelBox(0, 0, 60, 50));
        var window = Pixels.Resample(resampler, image, box, 60, 50, new PixelBox(11, 7, 23, 31));
        for (var y = 0; y < 31; y++)
        {
            Assert.Equal(whole.AsSpan((((y + 7) * 60) + 11) * 3, 23 * 3), window.AsSpan(y * 23 * 3, 23 * 3));
        }
    }

    [Fact]
    public void A_box_is_resampled_as_if_it_had_been_cut_out_first()
    {
        using var resampler = new PixelResampler();
        var random = new CounterRandom(10, 11, 12);
        using var image = RandomImage(ref random, 100);
        var box = new PixelBox(1, 1, image.Width - 2, image.Height - 2);
        var rgb = Pixels.ToRgb(image);
        var cut = Enumerable.Range(1, box.Height).SelectMany(y => rgb.Skip(((y * image.Width) + 1) * 3).Take(box.Width * 3)).ToArray();
        using var alone = Pixels.FromRgb(box.Width, box.Height, cut);
        var window = new PixelBox(0, 0, 32, 32);
        Assert.Equal(
            Pixels.Resample(resampler, alone, new PixelBox(0, 0, box.Width, box.Height), 32, 32, window),
            Pixels.Resample(resampler, image, box, 32, 32, window)
        );
    }

    private static int Next(ref CounterRandom random, int bound) => 1 + (int)random.NextInt64(bound);

    private static PixelBuffer RandomImage(ref CounterRandom random, int bound)
    {
        int width = 3 + Next(ref random, bound),
            height = 3 + Next(ref random, bound);
        var rgb = new byte[width * height * 3];
        for (var i = 0; i < rgb.Length; i++)
        {
            rgb[i] = (byte)random.NextUInt32();
        }

        return Pixels.FromRgb(width, height, rgb);
    }
}
