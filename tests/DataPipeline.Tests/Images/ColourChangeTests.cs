using System.Security.Cryptography;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Images;

[Collection(PillowGroup.Name)]
public sealed class ColourChangeTests(PillowReference reference)
{
    [Fact]
    public void Every_change_of_colour_gives_torchvisions_bytes()
    {
        var (width, height, rgb) = reference.Pixels("colour.rgb");
        Assert.NotEmpty(reference.Cases.Colour);
        foreach (var (change, amount, expected) in reference.Cases.Colour)
        {
            using var image = Pixels.FromRgb(width, height, rgb);
            Apply(change, amount, Square(image));
            Assert.True(Pixels.LargestDifference(reference.Pixels(expected).Rgb, Pixels.ToRgb(image)) == 0, expected);
        }
    }

    /// <summary>The digest is that of Pillow 9.4: convert("HSV"), 40 added to H modulo 256, convert("RGB").</summary>
    [Fact]
    public void Turning_the_hue_of_each_of_the_16777216_colours_gives_Pillows_bytes()
    {
        var pixels = new uint[1 << 24];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (uint)i;
        }

        ColourChange.Hue(pixels, 40.5 / 255);
        var rgb = new byte[3 * pixels.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            (rgb[3 * i], rgb[(3 * i) + 1], rgb[(3 * i) + 2]) = ((byte)pixels[i], (byte)(pixels[i] >> 8), (byte)(pixels[i] >> 16));
        }

        Assert.Equal("ab6a33a148cd35dba656abf800d159897084001228503182469582622daa96a9", Convert.ToHexStringLower(SHA256.HashData(rgb)));
    }

    [Fact]
    public void A_jitter_is_a_function_of_its_key_and_of_no_effect_with_probability_zero()
    {
        var (width, height, rgb) = reference.Pixels("colour.rgb");
        byte[] Jittered(ColourJitter jitter, ulong sample)
        {
            using var image = Pixels.FromRgb(width, height, rgb);
            var random = new CounterRandom(1, 2, sample);
            jitter.Apply(Square(image), ref random);
            return Pixels.ToRgb(image);
        }

        var jitter = new ColourJitter(1, 0.4, 0.4, 0.2, 0.1);
        Assert.Equal(Jittered(jitter, 3), Jittered(jitter, 3));
        Assert.NotEqual(Jittered(jitter, 3), Jittered(jitter, 4));
        Assert.Equal(rgb, Jittered(jitter with { Probability = 0 }, 3));
        Assert.Equal(rgb, Jittered(new ColourJitter(1, 0, 0, 0, 0), 3));
    }

    private static unsafe Span<uint> Square(PixelBuffer image) => new(image.Pixels, image.Width * image.Height);

    private static void Apply(string change, double amount, Span<uint> pixels)
    {
        switch (change)
        {
            case "brightness":
                ColourChange.Brightness(pixels, (float)amount);
                break;
            case "contrast":
                ColourChange.Contrast(pixels, (float)amount);
                break;
            case "saturation":
                ColourChange.Saturation(pixels, (float)amount);
                break;
            case "hue":
                ColourChange.Hue(pixels, amount);
                break;
            default:
                ColourChange.Greyscale(pixels);
                break;
        }
    }
}
