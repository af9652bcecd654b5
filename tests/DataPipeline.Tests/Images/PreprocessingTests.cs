using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace ClipTrain.DataPipeline.Tests.Images;

/// <summary>Preprocessing of models other than CLIP, against the defining sums in double precision.</summary>
public sealed class PreprocessingTests
{
    private const int Size = 20;

    public static TheoryData<ResampleFilter, ResizeMode, int, int> Grid
    {
        get
        {
            var grid = new TheoryData<ResampleFilter, ResizeMode, int, int>();
            foreach (var filter in Enum.GetValues<ResampleFilter>())
            {
                foreach (var resize in Enum.GetValues<ResizeMode>())
                {
                    foreach (var (width, height) in new[] { (47, 31), (31, 47), (9, 13), (20, 20), (64, 21), (1, 3) })
                    {
                        grid.Add(filter, resize, width, height);
                    }
                }
            }

            return grid;
        }
    }

    [Theory, MemberData(nameof(Grid))]
    public void Filter_resize_and_normalisation_are_those_of_the_definition(ResampleFilter filter, ResizeMode resize, int width, int height)
    {
        var rgb = Noise(width, height);
        float[] mean = [0.485f, 0.456f, 0.5f],
            std = [0.229f, 0.5f, 0.225f];
        var (scaledWidth, scaledHeight) =
            resize == ResizeMode.Squash ? (Size, Size)
            : width <= height ? (Size, Size * height / width)
            : (Size * width / height, Size);
        var wide = SlowResampling.Horizontal(rgb, width, height, scaledWidth, filter);
        var scaled = SlowResampling.Vertical(wide, scaledWidth, height, scaledHeight, filter);
        var (left, top) = ((int)Math.Round((scaledWidth - Size) / 2.0), (int)Math.Round((scaledHeight - Size) / 2.0));
        using var transform = new ClipImageTransform(
            new ImageTransformOptions(Size)
            {
                Filter = filter,
                Resize = resize,
                Normalization = new ImageNormalization(mean, std),
            }
        );
        var actual = new float[3 * Size * Size];

        transform.Evaluate(Png(rgb, width, height), MemoryMarshal.AsBytes(actual.AsSpan()));

        for (var i = 0; i < actual.Length; i++)
        {
            var (channel, y, x) = (i / (Size * Size), i / Size % Size, i % Size);
            var level = scaled[((((top + y) * scaledWidth) + left + x) * 3) + channel];
            var expected = ((level / 255.0) - mean[channel]) / std[channel];
            // Each pass rounds within one level of the definition, and the second amplifies what the first has rounded.
            Assert.InRange(actual[i] - expected, -2.5 / 255 / std[channel], 2.5 / 255 / std[channel]);
        }
    }

    [Fact]
    public void Options_of_equal_values_are_equal_and_others_are_not_even_as_text()
    {
        ImageTransformOptions Of(float mean) =>
            new(Size) { Normalization = new ImageNormalization([mean, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]) };

        Assert.Equal(Of(0.5f), Of(0.5f));
        Assert.Equal(Of(0.5f).ToString(), Of(0.5f).ToString());
        Assert.NotEqual(Of(0.5f).ToString(), Of(0.25f).ToString(), StringComparer.Ordinal);
    }

    private static byte[] Noise(int width, int height)
    {
        var random = new CounterRandom(7, (ulong)width, (ulong)height);
        var rgb = new byte[3 * width * height];
        for (var i = 0; i < rgb.Length; i++)
        {
            rgb[i] = (byte)(random.NextDouble() * 256);
        }

        return rgb;
    }

    private static byte[] Png(byte[] rgb, int width, int height)
    {
        using var image = Image.LoadPixelData<Rgb24>(rgb, width, height);
        using var bytes = new MemoryStream();
        image.SaveAsPng(bytes);
        return bytes.ToArray();
    }
}
