using System.Diagnostics;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed class ImageDecoderTests(PillowReference reference)
{
    [Fact]
    public void Every_format_decodes_to_the_pixels_that_Pillow_converts_to_RGB()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        Assert.NotEmpty(reference.Cases.Decode);
        foreach (var name in reference.Cases.Decode)
        {
            decoder.Decode(reference.Encoded(name), image);
            var (width, height, rgb) = reference.Pixels(name + ".rgb");
            Assert.Equal((name, width, height), (name, image.Width, image.Height));
            var difference = Pixels.LargestDifference(rgb, Pixels.ToRgb(image));
            Assert.True(difference <= 1, $"{name}: {difference} levels from Pillow");
        }
    }

    [Fact]
    public void A_vector_drawing_is_rasterised_at_its_own_size()
    {
        using var decoder = new ImageDecoder(new ImageLimits { Svg = true });
        using var image = new PixelBuffer();
        decoder.Decode(
            "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'><rect width='8' height='6' fill='#102030'/></svg>"u8,
            image
        );
        Assert.Equal((8, 6), (image.Width, image.Height));
        Assert.Equal([0x10, 0x20, 0x30], Pixels.ToRgb(image)[..3]);
    }

    [Fact]
    public void A_vector_drawing_in_a_corpus_is_refused_before_it_is_drawn()
    {
        // Twelve nested patterns: 3 KB that would take days to draw.
        var svg = new System.Text.StringBuilder(
            "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><defs><g id='a0'><rect width='1' height='1'/></g>"
        );
        for (var level = 1; level <= 12; level++)
        {
            svg.Append($"<g id='a{level}'>").Insert(svg.Length, $"<use href='#a{level - 1}'/>", 10).Append("</g>");
        }

        svg.Append("</defs><use href='#a12'/></svg>");
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();

        var error = Assert.Throws<ImageDecodeException>(() => decoder.Decode(System.Text.Encoding.UTF8.GetBytes(svg.ToString()), image));

        Assert.Contains("SVG is only decoded with data.allow_svg", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_whose_pixels_take_too_long_is_a_bad_one()
    {
        using var decoder = new ImageDecoder(new ImageLimits { Time = TimeSpan.FromTicks(-1) });
        using var image = new PixelBuffer();

        var error = Assert.Throws<ImageDecodeException>(() =>
            decoder.Decode(Convert.FromBase64String("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="), image)
        );

        Assert.Contains("to decode", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Avif_decodes()
    {
        // 16 × 16 pixels of one colour, lossless, written by libvips.
        var avif = Convert.FromBase64String(
            "AAAAHGZ0eXBhdmlmAAAAAG1pZjFhdmlmbWlhZgAAAOptZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
                + "AA5waXRtAAAAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAEOAAEAAAAAAAAAIgAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEA"
                + "AGF2MDEAAAAAamlwcnAAAABLaXBjbwAAAAxhdjFDgSACAAAAABNjb2xybmNseAABAA0AAIAAAAAUaXNwZQAAAAAAAAAQAAAAEAAA"
                + "ABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAACptZGF0EgAKCDgM/9hAQ0AIMhQQAAAAFLm9tA4DEh2tSk3a"
                + "9a+ZMA=="
        );
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        decoder.Decode(avif, image);
        Assert.Equal((16, 16), (image.Width, image.Height));
        Assert.Equal([200, 100, 50], Pixels.ToRgb(image)[^3..]);
    }

    [Fact]
    public void Every_format_cut_short_is_an_error_and_not_a_half_grey_picture()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        foreach (var name in reference.Cases.Decode.Where(n => n is not "one-pixel.jpg"))
        {
            var encoded = reference.Encoded(name);
            foreach (var share in new[] { 0.05, 0.3, 0.7 })
            {
                var cut = encoded.AsMemory(0, (int)(encoded.Length * share));
                // The first frame of a truncated animation may be complete.
                if (name is "animated.gif" && share > 0.3)
                {
                    continue;
                }

                var error = Record.Exception(() => decoder.Decode(cut.Span, image));
                Assert.True(error is ImageDecodeException, $"{name} cut to {share:P0}: {error?.GetType().Name ?? "decoded"}");
            }
        }
    }

    [Fact]
    public void An_empty_image_and_text_are_errors_that_say_so()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        Assert.Contains("empty", Assert.Throws<ImageDecodeException>(() => decoder.Decode([], image)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "format",
            Assert.Throws<ImageDecodeException>(() => decoder.Decode("<html>404 Not Found</html>"u8, image)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_header_that_claims_an_enormous_image_is_refused_before_memory_is_taken()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        var jpeg = reference.Encoded("420.jpg");
        var frame = jpeg.AsSpan().IndexOf(stackalloc byte[] { 0xFF, 0xC0 });
        jpeg.AsSpan(frame + 5, 4).Fill(0xFE);
        var png = reference.Encoded("rgb.png");
        png.AsSpan(16, 8).Clear();
        (png[17], png[21]) = (1, 1);
        UpdateHeaderChecksum(png);
        var svg = "<svg xmlns='http://www.w3.org/2000/svg' width='900000' height='900000'><rect width='9' height='9'/></svg>"u8.ToArray();

        using var process = Process.GetCurrentProcess();
        var before = process.WorkingSet64;
        foreach (var encoded in new[] { jpeg, png, svg })
        {
            Assert.Throws<ImageDecodeException>(() => decoder.Decode(encoded, image));
        }

        process.Refresh();
        Assert.InRange(process.WorkingSet64 - before, long.MinValue, 256L << 20);
    }

    [Fact]
    public void A_header_that_claims_a_wide_image_without_its_data_takes_little_memory()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        var png = reference.Encoded("gray-alpha.png");
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), 3_000_000);
        UpdateHeaderChecksum(png);

        using var process = Process.GetCurrentProcess();
        var before = process.PeakWorkingSet64;
        Assert.Throws<ImageDecodeException>(() => decoder.Decode(png, image));
        process.Refresh();
        Assert.InRange(process.PeakWorkingSet64 - before, 0, 512L << 20);
    }

    [Fact]
    public void Damaged_images_give_an_error_or_an_image_and_leave_the_decoder_usable()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        var random = new CounterRandom(1, 1, 1);
        foreach (var name in reference.Cases.Decode)
        {
            var encoded = reference.Encoded(name);
            for (var round = 0; round < 40; round++)
            {
                var damaged = (byte[])encoded.Clone();
                for (var i = 0; i <= round % 8; i++)
                {
                    damaged[random.NextInt64(damaged.Length)] = (byte)random.NextUInt32();
                }

                DecodeOrRefuse(decoder, damaged, image);
            }

            decoder.Decode(encoded, image);
        }
    }

    [Fact]
    public void Random_bytes_behind_every_magic_number_are_refused()
    {
        using var decoder = new ImageDecoder();
        using var image = new PixelBuffer();
        var random = new CounterRandom(2, 2, 2);
        byte[][] magic =
        [
            [],
            [0xFF, 0xD8, 0xFF],
            [0x89, .. "PNG\r\n\x1A\n"u8],
            "GIF89a"u8.ToArray(),
            "RIFF\0\0\0\0WEBPVP8 "u8.ToArray(),
            "II*\0"u8.ToArray(),
            "MM\0*"u8.ToArray(),
            "\0\0\0\x20ftypavif"u8.ToArray(),
            "<svg "u8.ToArray(),
            "BM"u8.ToArray(),
        ];
        foreach (var start in magic)
        {
            for (var round = 0; round < 60; round++)
            {
                var bytes = new byte[start.Length + random.NextInt64(600)];
                for (var i = start.Length; i < bytes.Length; i++)
                {
                    bytes[i] = (byte)random.NextUInt32();
                }

                start.CopyTo(bytes, 0);
                DecodeOrRefuse(decoder, bytes, image);
            }
        }
    }

    [Fact]
    public void Many_threads_decode_through_libvips_at_once()
    {
        var png = reference.Encoded("alpha.png");
        var expected = reference.Pixels("alpha.png.rgb").Rgb;
        Parallel.For(
            0,
            200,
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            i =>
            {
                using var image = new PixelBuffer();
                if (i % 3 == 0)
                {
                    Assert.Throws<ImageDecodeException>(() => VipsDecoder.Decode(png.AsSpan(0, png.Length / 2), image, new ImageLimits()));
                }
                else
                {
                    VipsDecoder.Decode(png, image, new ImageLimits());
                }

                Assert.True(i % 3 == 0 || expected.AsSpan().SequenceEqual(Pixels.ToRgb(image)));
            }
        );
    }

    [Fact]
    public void The_reason_of_a_damaged_image_is_never_that_of_another_threads_image()
    {
        // The reason where other threads' decodes take longer than a turn waits for them, as on a busy machine.
        const string unspecific = "libvips cannot decode the image";
        var png = reference.Encoded("alpha.png");
        byte[][] damaged = [png[..(png.Length / 2)], png[..20], [.. png[..8], .. "no chunk of any image"u8], [1, 2, 3]];
        var alone = damaged.Select(Reason).ToArray();
        Assert.True(alone.Distinct(StringComparer.Ordinal).Count() > 1);
        Parallel.For(
            0,
            4000,
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            i =>
                Assert.True(
                    Reason(damaged[i % damaged.Length]) is var reason && (reason == alone[i % damaged.Length] || reason == unspecific),
                    reason
                )
        );

        static string Reason(byte[] encoded)
        {
            using var image = new PixelBuffer();
            return Assert.Throws<ImageDecodeException>(() => VipsDecoder.Decode(encoded, image, new ImageLimits())).Message;
        }
    }

    private static void DecodeOrRefuse(ImageDecoder decoder, byte[] encoded, PixelBuffer image)
    {
        try
        {
            decoder.Decode(encoded, image);
            Assert.InRange((long)image.Width * image.Height, 1, PixelBuffer.MaxPixels);
        }
        catch (ImageDecodeException e)
        {
            Assert.NotEmpty(e.Message);
        }
    }

    private static void UpdateHeaderChecksum(byte[] png)
    {
        var crc = uint.MaxValue;
        foreach (var b in png.AsSpan(12, 17))
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
            }
        }

        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), ~crc);
    }
}
