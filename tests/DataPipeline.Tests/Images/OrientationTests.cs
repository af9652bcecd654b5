using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed class OrientationTests(PillowReference reference)
{
    [Fact]
    public void Turned_pictures_of_every_format_are_evaluated_as_Pillow_turns_them()
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(64) { Type = ImageType.UInt8, Orient = true });
        var chw = new byte[3 * 64 * 64];
        Assert.Equal(32, reference.Cases.Oriented.Length);
        foreach (var name in reference.Cases.Oriented)
        {
            transform.Evaluate(reference.Encoded(name), chw);
            byte[] expected = reference.Pixels(name + ".rgb").Rgb,
                actual = Interleaved(chw);
            var (largest, mean) = (Pixels.LargestDifference(expected, actual), expected.Zip(actual, (a, b) => Math.Abs(a - b)).Average());

            // For orientations 5 to 8, columns are resized before rows instead of after, and both passes clamp.
            var aside = name["oriented-".Length] >= '5';
            Assert.True(largest <= (aside ? 20 : 2) && mean < 0.5, $"{name}: {largest}, {mean}");
        }
    }

    [Fact]
    public void Without_the_option_orientation_is_ignored()
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(64) { Type = ImageType.UInt8 });
        byte[] turned = new byte[3 * 64 * 64],
            upright = new byte[3 * 64 * 64];
        transform.Evaluate(reference.Encoded("oriented-6.jpg"), turned);
        using var asked = new ClipImageTransform(new ImageTransformOptions(64) { Type = ImageType.UInt8, Orient = true });
        asked.Evaluate(reference.Encoded("oriented-6.jpg"), upright);
        Assert.NotEqual(turned, upright);
    }

    [Fact]
    public void A_crop_is_the_same_part_of_the_picture_as_shown_whichever_way_it_is_stored()
    {
        // The eight files have the same stored pixels; turned back by hand, the training crops must show the same square.
        foreach (var jpeg in new[] { JpegDecode.Exact, JpegDecode.Fast })
        {
            using var transform = new ClipImageTransform(
                new ImageTransformOptions(32)
                {
                    Type = ImageType.UInt8,
                    Orient = true,
                    MinScale = 1,
                    MinRatio = 1,
                    MaxRatio = 1,
                    Jpeg = jpeg,
                }
            );
            var upright = Train(transform, "oriented-1.jpg");
            for (var value = 2; value <= 8; value++)
            {
                // A square box of a 150 × 97 picture lies in its middle, up to a pixel.
                var shown = new uint[32 * 32];
                new Orientation(value).Show(upright, shown, 32);
                var mean = shown
                    .Zip(Train(transform, $"oriented-{value}.jpg"), (a, b) => Math.Abs((int)(a & 0xFF) - (int)(b & 0xFF)))
                    .Average();
                Assert.True(mean < 8, $"{jpeg} {value}: {mean}");
            }
        }
    }

    [Fact]
    public void Every_box_lies_where_its_pixels_are_stored()
    {
        for (var value = 1; value <= 8; value++)
        {
            var orientation = new Orientation(value);
            var (width, height) = (5, 7);
            var square = Enumerable.Range(0, 49).Select(i => (uint)i).ToArray();
            var shown = new uint[49];
            orientation.Show(square, shown, 7);
            for (var y = 0; y < 7; y++)
            {
                for (var x = 0; x < 7; x++)
                {
                    var box = orientation.Stored(new PixelBox(x, y, 1, 1), 7, 7);
                    Assert.Equal((uint)((box.Y * 7) + box.X), shown[(y * 7) + x]);
                }
            }

            var (shownWidth, shownHeight) = orientation.Turn(width, height);
            Assert.Equal(new PixelBox(0, 0, width, height), orientation.Stored(new PixelBox(0, 0, shownWidth, shownHeight), width, height));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xD8 })]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF, 0xE1, 0, 9, (byte)'E', (byte)'x', (byte)'i', (byte)'f', 0, 0, 0 })]
    [InlineData(
        new byte[]
        {
            0xFF,
            0xD8,
            0xFF,
            0xE1,
            0,
            16,
            (byte)'E',
            (byte)'x',
            (byte)'i',
            (byte)'f',
            0,
            0,
            (byte)'I',
            (byte)'I',
            42,
            0,
            255,
            255,
            255,
            255,
        }
    )]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF, 0xE1, 0, 1, 0, 0, 0, 0 })]
    public void Damaged_metadata_means_upright(byte[] jpeg) => Assert.Equal(Orientation.Upright, Orientation.OfJpeg(jpeg));

    private uint[] Train(ClipImageTransform transform, string name)
    {
        var chw = new byte[3 * 32 * 32];
        var random = new CounterRandom(1, 1, 1);
        transform.Train(reference.Encoded(name), ref random, chw);
        return [.. chw[..(32 * 32)].Select(level => (uint)level)];
    }

    private static byte[] Interleaved(byte[] chw)
    {
        var pixels = chw.Length / 3;
        return [.. Enumerable.Range(0, chw.Length).Select(i => chw[((i % 3) * pixels) + (i / 3)])];
    }
}
