using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Tests.Import;

namespace ClipTrain.DataPipeline.Tests.Images;

public sealed class ImageHeaderTests
{
    public const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    public static TheoryData<string, string> Images() =>
        new()
        {
            { "png", Png },
            { "gif", "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7" },
            { "webp, lossy", "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA" },
            { "webp, lossless", "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==" },
            { "jpeg", Convert.ToBase64String(Pictures.Jpeg(3)) },
        };

    [Theory]
    [MemberData(nameof(Images))]
    public void An_image_looks_whole_and_no_part_of_it_does(string format, string base64)
    {
        var image = Convert.FromBase64String(base64);

        Assert.True(ImageHeader.LooksWhole(image), format);
        for (var length = 0; length < image.Length; length++)
        {
            Assert.False(ImageHeader.LooksWhole(image.AsSpan(0, length)), $"{format}, {length} of {image.Length} bytes");
        }

        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        decoder.Decode(image, pixels);
        Assert.InRange(pixels.Width, 1, 20);
    }

    [Theory]
    [MemberData(nameof(Images))]
    public void Any_byte_may_be_anything(string format, string base64)
    {
        var image = Convert.FromBase64String(base64);
        var looksWhole = 0;
        for (var at = 0; at < image.Length; at++)
        {
            foreach (var value in (byte[])[0, 0xFF, 0x80, (byte)(image[at] + 1)])
            {
                var changed = (byte[])image.Clone();
                changed[at] = value;
                looksWhole += ImageHeader.LooksWhole(changed) ? 1 : 0;
            }
        }

        Assert.True(looksWhole < 4 * image.Length, format);
    }

    [Theory]
    [MemberData(nameof(Images))]
    public void Format_and_size_are_read_without_decoding(string format, string base64)
    {
        var image = Convert.FromBase64String(base64);
        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        decoder.Decode(image, pixels);

        var facts = ImageHeader.Read(image)!.Value;

        Assert.StartsWith(facts.Format.ToString(), format, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(((uint)pixels.Width, (uint)pixels.Height), (facts.Width, facts.Height));
    }

    [Fact]
    public void Sizes_that_training_refuses_do_not_look_whole()
    {
        var png = Convert.FromBase64String(Png);
        png[16] = 0x7F;
        png[20] = 0x7F;

        Assert.False(ImageHeader.LooksWhole(png));
    }

    [Fact]
    public void What_is_no_image_does_not_look_whole()
    {
        Assert.False(ImageHeader.LooksWhole("<html></html>"u8));
        Assert.False(ImageHeader.LooksWhole([]));
        Assert.False(ImageHeader.LooksWhole([0xFF, 0xD8, 0xFF, 0xD9]));
    }
}
