using ClipTrain.DataPipeline.Loading;
using SixLabors.ImageSharp.Formats.Tga;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Decodes an encoded image by what its first bytes say: JPEG through libjpeg-turbo, or SkiaSharp where that is not; PNG, BMP
/// and TGA through ImageSharp; PNM by hand; everything else through libvips. Of an animation the first frame.
/// </summary>
internal sealed class ImageDecoder(ImageLimits limits) : IDisposable
{
    private readonly JpegDecoder? _jpeg = NativeTurboJpeg.IsAvailable ? new JpegDecoder() : null;

    public ImageDecoder()
        : this(new ImageLimits()) { }

    /// <summary>Decodes to RGBX.</summary>
    /// <exception cref="ImageDecodeException">Nothing that can be decoded, damaged, truncated, or larger than the limits.</exception>
    public void Decode(ReadOnlySpan<byte> encoded, PixelBuffer image)
    {
        limits.CheckLength(encoded.Length);
        if (encoded is [0xFF, 0xD8, ..] && _jpeg is null)
        {
            SkiaJpeg.Decode(encoded, image, limits);
        }
        else if (encoded is [0xFF, 0xD8, ..] && _jpeg!.ReadHeader(encoded, limits) is { } header)
        {
            _jpeg.Decode(encoded, header, image);
            image.Orientation = Orientation.OfJpeg(encoded);
        }
        else if (PnmDecoder.Knows(encoded))
        {
            PnmDecoder.Decode(encoded, image, limits);
        }
        else if (
            (ManagedDecoder.Of(encoded) ?? (PixelLength.LooksLikeTga(encoded) && !VipsDecoder.Knows(encoded) ? new TgaDecoder() : null)) is
            { } decoder
        )
        {
            ManagedDecoder.Decode(encoded, decoder, image, limits);
        }
        else
        {
            VipsDecoder.Decode(encoded, image, limits);
        }
    }

    /// <summary>
    /// The header if the image is a JPEG that <see cref="Decode(ReadOnlySpan{byte}, JpegHeader, int, JpegPlanes)"/> takes.
    /// </summary>
    /// <exception cref="ImageDecodeException">The image is empty or larger than the limits.</exception>
    public JpegHeader? ReadPlanarHeader(ReadOnlySpan<byte> encoded)
    {
        limits.CheckLength(encoded.Length);
        return encoded is [0xFF, 0xD8, ..] && _jpeg?.ReadHeader(encoded, limits) is { ChromaFactors: not null } header ? header : null;
    }

    /// <summary>Decodes a JPEG to its planes, its sides divided by divisor.</summary>
    /// <exception cref="ImageDecodeException">The image is damaged or truncated.</exception>
    public void Decode(ReadOnlySpan<byte> encoded, JpegHeader header, int divisor, JpegPlanes planes) =>
        _jpeg!.Decode(encoded, header, divisor, planes);

    public void Dispose() => _jpeg?.Dispose();
}
