using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Tests.Import;

namespace ClipTrain.DataPipeline.Tests.Images;

public sealed class DamagedJpegTests
{
    [Fact]
    public void An_image_that_breaks_off_anywhere_does_not_spoil_the_next()
    {
        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        var (first, good) = (Pictures.Jpeg(1), Pictures.Jpeg(2));
        decoder.Decode(good, pixels);
        var expected = Pixels.ToRgb(pixels);

        for (var length = 1; length < first.Length; length++)
        {
            Assert.Throws<ImageDecodeException>(() => decoder.Decode(first.AsSpan(0, length), pixels));
            decoder.Decode(good, pixels);
            Assert.True(expected.SequenceEqual(Pixels.ToRgb(pixels)), $"after {length} of {first.Length} bytes");
        }
    }
}
