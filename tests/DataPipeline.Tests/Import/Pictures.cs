using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Import;

/// <summary>Small JPEGs with distinct contents.</summary>
internal static class Pictures
{
    public static byte[] Jpeg(int i)
    {
        using var pixels = new PixelBuffer();
        pixels.Resize(9 + (i % 4), 8);
        unsafe
        {
            for (var p = 0; p < pixels.Stride * pixels.Height; p++)
            {
                pixels.Pixels[p] = (byte)((i * 31) + (p * 7));
            }
        }

        return JpegEncoder.Encode(pixels, 90);
    }
}
