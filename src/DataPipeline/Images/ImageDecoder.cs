using SixLabors.ImageSharp.Formats.Tga;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Decodes an image by its first bytes: JPEG with libjpeg-turbo, or SkiaSharp where that is missing; PNG, BMP and TGA with ImageSharp;
/// PNM with our own decoder; everything else with libvips. Animations yield their first frame.
/// </summary>
internal sealed class ImageDecoder(ImageLimits limits) : IDisposable
{
    private readonly JpegDecoder? _jpeg = NativeTurboJpeg.IsAvailable ? new JpegDecoder() : null;

    public ImageDecoder()
        : this(new ImageLimits()) { }

    /// <summary>Decodes to RGBX.</summary>
    /// <exception cref="ImageDecodeException">The format is unknown, or the image is damaged, truncated or too large.</exception>
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
    /// The header if the image is a JPEG that <see cref="Decode(ReadOnlySpan{byte}, JpegHeader, int, JpegPlanes)"/> supports; null
    /// otherwise.
    /// </summary>
    /// <exception cref="ImageDecodeException">The image is empty or larger than the limits.</exception>
    public JpegHeader? ReadPlanarHeader(ReadOnlySpan<byte> encoded)
    {
        limits.CheckLength(encoded.Length);
        return encoded is [0xFF, 0xD8, ..] && _jpeg?.ReadHeader(encoded, limits) is { ChromaFactors: not null } header ? header : null;
    }

    /// <summary>Decodes a JPEG to its planes, with its sides divided by divisor.</summary>
    /// <exception cref="ImageDecodeException">The image is damaged or truncated.</exception>
    public void Decode(ReadOnlySpan<byte> encoded, JpegHeader header, int divisor, JpegPlanes planes) =>
        _jpeg!.Decode(encoded, header, divisor, planes);

    public void Dispose() => _jpeg?.Dispose();
}

/// <summary>The native image libraries, for diagnostics.</summary>
public static class ImageLibraries
{
    /// <summary>True if libjpeg-turbo decodes JPEGs; SkiaSharp does otherwise.</summary>
    public static bool HasTurboJpeg
    {
        get
        {
            if (NativeTurboJpeg.IsAvailable)
            {
                new JpegDecoder().Dispose();
            }

            return NativeTurboJpeg.IsAvailable;
        }
    }

    /// <summary>libvips's version.</summary>
    /// <exception cref="DllNotFoundException">It is missing.</exception>
    public static string VipsVersion() =>
        string.Join('.', NativeVips.vips_version(0), NativeVips.vips_version(1), NativeVips.vips_version(2));
}
