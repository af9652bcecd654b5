namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Limits on the cost of an image. A file of a few bytes can claim billions of pixels, and a JPEG can repaint them hundreds of times.
/// </summary>
public sealed record ImageLimits
{
    /// <summary>Scans of a JPEG that are always accepted; progressive files have about ten.</summary>
    private const int Scans = 32;

    /// <summary>Pixels over all scans that are cheap enough to be accepted for any number of scans.</summary>
    private const long FreeScanPixels = 1L << 28;

    /// <summary>Largest number of pixels. The default is what Pillow accepts without a warning: 360 MB as RGBX.</summary>
    public long Pixels { get; init; } = PixelBuffer.MaxPixels;

    /// <summary>Largest size of the encoded image in bytes.</summary>
    public long Bytes { get; init; } = 64L << 20;

    /// <summary>Processor time limit for decoders that deliver pixels in parts; the loader's watch covers the others.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>True to draw SVG, for drawings from a trusted source: a few bytes of SVG can compute for ever.</summary>
    public bool Svg { get; init; }

    /// <exception cref="ImageDecodeException">The encoded image is empty or too large.</exception>
    internal void CheckLength(int bytes)
    {
        if (bytes == 0)
        {
            throw new ImageDecodeException("the image is empty");
        }

        if (bytes > Bytes)
        {
            throw new ImageDecodeException($"the image has {bytes} bytes, more than data.max_image_bytes ({Bytes})");
        }
    }

    /// <exception cref="ImageDecodeException">The image has no or too many pixels.</exception>
    internal void CheckSize(int width, int height)
    {
        if (width < 1 || height < 1)
        {
            throw new ImageDecodeException($"the image's header says {width} × {height} pixels");
        }

        if ((long)width * height > Pixels)
        {
            throw new ImageDecodeException(
                $"the image's header says {width} × {height} pixels, more than data.max_image_pixels ({Pixels})"
            );
        }
    }

    /// <exception cref="ImageDecodeException">The JPEG has too many scans for its size.</exception>
    internal void CheckScans(ReadOnlySpan<byte> jpeg, int width, int height)
    {
        var scans = 0L;
        for (var rest = jpeg; (rest.IndexOf(StartOfScan) is var at) && at >= 0; rest = rest[(at + StartOfScan.Length)..])
        {
            scans++;
        }

        var pixels = (long)width * height;
        if (scans > Scans && scans * pixels > FreeScanPixels)
        {
            throw new ImageDecodeException(
                $"JPEG: {scans} scans of {width} × {height} pixels; more than {Scans} scans of an image of this size are not decoded"
            );
        }
    }

    private static ReadOnlySpan<byte> StartOfScan => [0xFF, 0xDA];
}
