using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Small JPEGs of model inputs.</summary>
public static unsafe class Thumbnail
{
    /// <summary>Side of the picture; smaller inputs keep their size.</summary>
    public const int Side = 96;

    private const int Quality = 85;

    /// <summary>A JPEG of a square image.</summary>
    /// <param name="chw">Its bytes, [3, size, size].</param>
    /// <param name="size">Its side in pixels.</param>
    public static byte[] Of(ReadOnlySpan<byte> chw, int size)
    {
        using PixelBuffer image = new(),
            small = new();
        using var resampler = new PixelResampler();
        Fill(image, chw, size);
        var side = Math.Min(size, Side);
        small.Resize(side, side);
        resampler.Resample(image, new PixelBox(0, 0, size, size), side, side, new PixelBox(0, 0, side, side), small.Pixels);
        return JpegEncoder.Encode(small, Quality);
    }

    /// <summary>Writes planes [3, size, size] as pixels.</summary>
    internal static void Fill(PixelBuffer picture, ReadOnlySpan<byte> chw, int size)
    {
        picture.Resize(size, size);
        for (var c = 0; c < 3; c++)
        {
            for (var i = 0; i < size * size; i++)
            {
                picture.Pixels[(i * PixelBuffer.BytesPerPixel) + c] = chw[(c * size * size) + i];
            }
        }
    }
}
