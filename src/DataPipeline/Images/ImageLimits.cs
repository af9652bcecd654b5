using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// What an image may cost. A file of a few bytes can claim pixels by the billion, and a JPEG can have them painted over hundreds of
/// times.
/// </summary>
public sealed record ImageLimits
{
    /// <summary>So many times may a JPEG paint its pixels: progressive files have some ten scans.</summary>
    private const int Scans = 32;

    /// <summary>Scans that cost nothing to speak of are not counted.</summary>
    private const long FreeScanPixels = 1L << 28;

    /// <summary>Most pixels, width times height. By default what Pillow takes without a warning: 360 MB as RGBX.</summary>
    public long Pixels { get; init; } = PixelBuffer.MaxPixels;

    /// <summary>Most bytes of the encoded image.</summary>
    public long Bytes { get; init; } = 64L << 20;

    /// <summary>
    /// Most processor time that the pixels may take, where a decoder gives them part by part; a loader's watch sees to the rest.
    /// </summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>True to draw SVG, which is a program: a few bytes of it can compute for ever. For drawings of a known source.</summary>
    public bool Svg { get; init; }

    /// <exception cref="ImageDecodeException">The encoded image is empty or too large.</exception>
    internal void CheckLength(int bytes)
    {
        if (bytes == 0)
            throw new ImageDecodeException("the image has no bytes");
        if (bytes > Bytes)
            throw new ImageDecodeException($"the image has {bytes} bytes, more than data.max_image_bytes, {Bytes}");
    }

    /// <exception cref="ImageDecodeException">The image has no or too many pixels.</exception>
    internal void CheckSize(int width, int height)
    {
        if (width < 1 || height < 1)
            throw new ImageDecodeException($"the image says it is {width} × {height} pixels");
        if ((long)width * height > Pixels)
            throw new ImageDecodeException($"the image says it is {width} × {height} pixels, more than data.max_image_pixels, {Pixels}");
    }

    /// <exception cref="ImageDecodeException">Decoding the JPEG would take many times what its size lets expect.</exception>
    internal void CheckScans(ReadOnlySpan<byte> jpeg, int width, int height)
    {
        var scans = 0L;
        for (var rest = jpeg; (rest.IndexOf(StartOfScan) is var at) && at >= 0; rest = rest[(at + StartOfScan.Length)..])
            scans++;
        var pixels = (long)width * height;
        if (scans > Scans && scans * pixels > FreeScanPixels)
            throw new ImageDecodeException(
                $"JPEG: {scans} scans of {width} × {height} pixels; more than {Scans} scans of an image of this size are not decoded"
            );
    }

    private static ReadOnlySpan<byte> StartOfScan => [0xFF, 0xDA];
}
