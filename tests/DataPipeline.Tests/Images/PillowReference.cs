using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Images;

/// <summary>
/// Images with Pillow's and torchvision's results, written once by pillow_reference.py for all tests of the collection.
/// </summary>
public sealed class PillowReference : IDisposable
{
    private static readonly JsonSerializerOptions LowerCase = new(JsonSerializerDefaults.Web);

    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-pillow-").FullName;

    public PillowReference()
    {
        PythonPeer.Run("Images/pillow_reference.py", _folder);
        Cases = JsonSerializer.Deserialize<Manifest>(File.ReadAllBytes(PathOf("manifest.json")), LowerCase)!;
    }

    public Manifest Cases { get; }

    public byte[] Encoded(string name) => File.ReadAllBytes(PathOf(name));

    /// <summary>Width, height and RGB bytes.</summary>
    public (int Width, int Height, byte[] Rgb) Pixels(string name)
    {
        var bytes = File.ReadAllBytes(PathOf(name));
        return (BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)), bytes[8..]);
    }

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(PathOf(name))).ToArray();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string PathOf(string name) => Path.Combine(_folder, name);

    public sealed record Manifest(
        string[] Decode,
        ResampleCase[] Resample,
        TransformCase[] Transform,
        ColourCase[] Colour,
        string[] Oriented
    );

    public sealed record ResampleCase(string Source, int[] Box, int[] Size, string Expected);

    public sealed record ColourCase(string Change, double Amount, string Expected);

    public sealed record TransformCase(string Source, int Size, int[]? Box, string Expected);
}

[CollectionDefinition(Name)]
public sealed class PillowGroup : ICollectionFixture<PillowReference>
{
    public const string Name = "compared with Pillow";
}

internal static unsafe class Pixels
{
    public static PixelBuffer FromRgb(int width, int height, ReadOnlySpan<byte> rgb)
    {
        var image = new PixelBuffer();
        image.Resize(width, height);
        for (var i = 0; i < width * height; i++)
        {
            for (var c = 0; c < 3; c++)
            {
                image.Pixels[(i * 4) + c] = rgb[(i * 3) + c];
            }

            image.Pixels[(i * 4) + 3] = 0xA5;
        }

        return image;
    }

    public static byte[] ToRgb(byte* rgbx, int pixels)
    {
        var rgb = new byte[pixels * 3];
        for (var i = 0; i < pixels; i++)
        {
            for (var c = 0; c < 3; c++)
            {
                rgb[(i * 3) + c] = rgbx[(i * 4) + c];
            }
        }

        return rgb;
    }

    public static byte[] ToRgb(PixelBuffer image) => ToRgb(image.Pixels, image.Width * image.Height);

    public static int LargestDifference(byte[] expected, byte[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
    }

    public static byte[] Resample(
        PixelResampler resampler,
        PixelBuffer image,
        PixelBox box,
        int scaledWidth,
        int scaledHeight,
        PixelBox window
    )
    {
        var result = new byte[(window.Width * window.Height * 4) + PixelResampler.RowSlack];
        fixed (byte* p = result)
        {
            resampler.Resample(image, box, scaledWidth, scaledHeight, window, p);
            return ToRgb(p, window.Width * window.Height);
        }
    }
}
