using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

public sealed class RandomResizedCropTests
{
    private static readonly ImageTransformOptions Options = new(224) { MinScale = 0.2, MaxScale = 0.8 };

    [Theory]
    [InlineData(640, 480)]
    [InlineData(100, 100)]
    [InlineData(37, 200)]
    [InlineData(1, 1)]
    [InlineData(1, 5000)]
    [InlineData(5000, 1)]
    public void Crops_lie_within_the_image(int width, int height)
    {
        for (var i = 0UL; i < 500; i++)
        {
            var random = new CounterRandom(3, 0, i);
            var box = RandomResizedCrop.Draw(width, height, Options, ref random);
            Assert.True(
                box is { X: >= 0, Y: >= 0, Width: >= 1, Height: >= 1 } && box.X + box.Width <= width && box.Y + box.Height <= height,
                $"{box}"
            );
        }
    }

    [Fact]
    public void Area_is_uniform_in_the_scale_range_and_the_log_ratio_in_the_ratio_range()
    {
        List<double> areas = [],
            logRatios = [];
        for (var i = 0UL; i < 4000; i++)
        {
            var random = new CounterRandom(4, 0, i);
            // Wide ranges on a square never need the fallback below this scale: 0.8 · 4/3 > 1 is avoided.
            var box = RandomResizedCrop.Draw(2000, 2000, Options with { MaxScale = 0.7 }, ref random);
            areas.Add((double)box.Width * box.Height / 4e6);
            logRatios.Add(Math.Log((double)box.Width / box.Height));
        }

        // Mean and variance of a uniform distribution, five standard errors wide.
        Assert.InRange(areas.Min(), 0.199, 0.21);
        Assert.InRange(areas.Max(), 0.69, 0.701);
        Assert.InRange(areas.Average(), 0.45 - 0.012, 0.45 + 0.012);
        Assert.InRange(logRatios.Average(), -0.014, 0.014);
        Assert.InRange(logRatios.Max(), Math.Log(4.0 / 3) - 0.01, Math.Log(4.0 / 3) + 0.002);
    }

    [Fact]
    public void The_corners_of_the_image_are_all_reached()
    {
        var boxes = Enumerable
            .Range(0, 3000)
            .Select(i =>
            {
                var random = new CounterRandom(5, 0, (ulong)i);
                return RandomResizedCrop.Draw(12, 12, Options with { MaxScale = 0.5 }, ref random);
            })
            .ToArray();
        Assert.Contains(boxes, b => b is { X: 0, Y: 0 });
        Assert.Contains(boxes, b => b.X + b.Width == 12 && b.Y + b.Height == 12);
    }

    [Theory]
    [InlineData(100, 1000, 0, 433, 100, 133)]
    [InlineData(1000, 100, 433, 0, 133, 100)]
    [InlineData(90, 100, 0, 0, 90, 100)]
    public void When_no_try_fits_the_largest_centred_box_of_an_allowed_ratio_is_taken(int width, int height, int x, int y, int w, int h) =>
        Assert.Equal(new PixelBox(x, y, w, h), RandomResizedCrop.Centre(width, height, Options));
}
