using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed unsafe class PlanarViewTests(PillowReference reference)
{
    private static readonly string[] Jpegs =
    [
        "420.jpg",
        "422.jpg",
        "444.jpg",
        "gray.jpg",
        "progressive.jpg",
        "one-pixel.jpg",
        "transform-1000x70.jpg",
        "transform-70x1001.jpg",
        "transform-300x200.jpg",
        "transform-2x9.jpg",
    ];

    [Fact]
    public void The_portable_path_gives_the_same_bytes()
    {
        foreach (var name in Jpegs)
        {
            foreach (var side in new[] { 1, 5, 32, 65, 224 })
            {
                foreach (var divisor in new[] { 1, 2, 8 })
                {
                    Assert.True(
                        Read(name, side, divisor, vectorised: true).AsSpan().SequenceEqual(Read(name, side, divisor, vectorised: false)),
                        $"{name} {side} {divisor}"
                    );
                }
            }
        }
    }

    [Theory]
    [InlineData("444.jpg", 32, 0.5, 16)]
    [InlineData("gray.jpg", 32, 0.3, 3)]
    [InlineData("transform-300x200.jpg", 96, 1.5, 40)]
    [InlineData("transform-300x200.jpg", 224, 2.5, 60)]
    public void Colours_made_after_resizing_differ_from_Pillows_by_little(string name, int side, double mean, int largest)
    {
        byte[] fast = Read(name, side, divisor: 1, vectorised: true),
            exact = Exact(name, side);
        Assert.InRange(fast.Zip(exact, (a, b) => Math.Abs(a - b)).Average(), 0, mean);
        Assert.InRange(Pixels.LargestDifference(exact, fast), 0, largest);
    }

    [Fact]
    public void Decoding_at_half_size_shows_the_same_picture()
    {
        byte[] scaled = Read("transform-300x200.jpg", 96, divisor: 2, vectorised: true),
            exact = Exact("transform-300x200.jpg", 96);
        Assert.InRange(scaled.Zip(exact, (a, b) => Math.Abs(a - b)).Average(), 0, 5);
    }

    [Theory]
    [InlineData(447, 1)]
    [InlineData(448, 2)]
    [InlineData(895, 2)]
    [InlineData(896, 4)]
    [InlineData(1792, 8)]
    [InlineData(100_000, 8)]
    [InlineData(3, 1)]
    public void A_picture_is_divided_as_far_as_its_crop_stays_as_large_as_the_result(int shortSide, int divisor) =>
        Assert.Equal(divisor, JpegHeader.Divisor(new PixelBox(0, 0, shortSide * 2, shortSide), 224));

    private byte[] Read(string name, int side, int divisor, bool vectorised)
    {
        using var decoder = new ImageDecoder();
        using var view = new PlanarView(decoder, side, vectorised);
        var jpeg = reference.Encoded(name);
        var header = decoder.ReadPlanarHeader(jpeg)!.Value;
        var rgbx = new byte[(side * side * 4) + 64];
        fixed (byte* p = rgbx)
        {
            view.Read(jpeg, header, divisor, Box(header.Width, header.Height), p);
            return Pixels.ToRgb(p, side * side);
        }
    }

    private byte[] Exact(string name, int side)
    {
        using var decoder = new ImageDecoder();
        using var resampler = new PixelResampler();
        using var image = new PixelBuffer();
        decoder.Decode(reference.Encoded(name), image);
        return Pixels.Resample(resampler, image, Box(image.Width, image.Height), side, side, new PixelBox(0, 0, side, side));
    }

    /// <summary>A box that begins at odd pixels if there is room.</summary>
    private static PixelBox Box(int width, int height)
    {
        int x = width > 20 ? 3 : 0,
            y = height > 20 ? 5 : 0;
        return new PixelBox(x, y, width - (2 * x), height - (2 * y));
    }
}
