using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Images;

/// <summary>Decodes an encoded image to RGBX by what its first bytes say: JPEG through libjpeg-turbo, everything else through libvips.</summary>
internal sealed class ImageDecoder : IDisposable
{
    private readonly JpegDecoder _jpeg = new();

    /// <exception cref="ImageDecodeException">Nothing that can be decoded, damaged, truncated, or larger than <see cref="PixelBuffer.MaxPixels"/>.</exception>
    public void Decode(ReadOnlySpan<byte> encoded, PixelBuffer image)
    {
        if (encoded.IsEmpty)
            throw new ImageDecodeException("the image has no bytes");
        if (!(encoded is [0xFF, 0xD8, ..] && _jpeg.TryDecode(encoded, image)))
            VipsDecoder.Decode(encoded, image);
    }

    public void Dispose() => _jpeg.Dispose();

    internal static void CheckSize(int width, int height)
    {
        if (width < 1 || height < 1)
            throw new ImageDecodeException($"the image says it is {width} × {height} pixels");
        if ((long)width * height > PixelBuffer.MaxPixels)
            throw new ImageDecodeException($"the image says it is {width} × {height} pixels, more than the {PixelBuffer.MaxPixels} that are accepted");
    }
}
