using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed class ImageLimitsTests(PillowReference reference)
{
    [Theory]
    [InlineData("420.jpg")]
    [InlineData("rgb.png")]
    [InlineData("lossless.webp")]
    [InlineData("animated.gif")]
    public void An_image_over_a_limit_is_refused_with_the_limits_name_and_at_it_accepted(string name)
    {
        var encoded = reference.Encoded(name);
        var (width, height, _) = reference.Pixels(name + ".rgb");
        Decode(encoded, new ImageLimits { Pixels = width * height, Bytes = encoded.Length });
        Refused("data.max_image_pixels", new ImageLimits { Pixels = (width * height) - 1 });
        Refused("data.max_image_bytes", new ImageLimits { Bytes = encoded.Length - 1 });

        void Refused(string key, ImageLimits limits) =>
            Assert.Contains(key, Assert.Throws<ImageDecodeException>(() => Decode(encoded, limits)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_jpeg_that_paints_a_large_picture_over_and_over_is_refused_before_it_is_decoded()
    {
        var limits = new ImageLimits();
        var scans = Enumerable.Repeat(new byte[] { 0xFF, 0xDA, 0, 0 }, 100).SelectMany(scan => scan).ToArray();
        Assert.Contains(
            "100 scans",
            Assert.Throws<ImageDecodeException>(() => limits.CheckScans(scans, 5000, 5000)).Message,
            StringComparison.Ordinal
        );
        limits.CheckScans(scans, 300, 300);
        limits.CheckScans(scans.AsSpan(0, 40), 9000, 9000);
    }

    [Fact]
    public void An_image_of_one_pixel_fills_the_square()
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(16) { Type = ImageType.UInt8 });
        var chw = new byte[3 * 16 * 16];
        transform.Evaluate(reference.Encoded("one-pixel.jpg"), chw);
        for (var c = 0; c < 3; c++)
        {
            Assert.Single(chw.AsSpan(c * 256, 256).ToArray().Distinct());
        }
    }

    private static void Decode(byte[] encoded, ImageLimits limits)
    {
        using var decoder = new ImageDecoder(limits);
        using var image = new PixelBuffer();
        decoder.Decode(encoded, image);
    }
}
