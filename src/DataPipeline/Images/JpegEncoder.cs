namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// JPEG encoding by libjpeg-turbo, or SkiaSharp where that is missing, without chroma subsampling. Not thread-safe.
/// </summary>
internal sealed unsafe class JpegEncoder : IDisposable
{
    private nint _handle;
    private byte[] _jpeg = [];

    public JpegEncoder()
    {
        if (!NativeTurboJpeg.IsAvailable)
        {
            return;
        }

        _handle = NativeTurboJpeg.tjInitCompress();
        if (_handle == 0)
        {
            throw new InvalidOperationException("libturbojpeg failed to create an encoder: " + NativeTurboJpeg.LastError(0));
        }
    }

    /// <summary>Encodes one picture as JPEG.</summary>
    /// <inheritdoc cref="Write"/>
    public static byte[] Encode(PixelBuffer image, int quality)
    {
        using var encoder = new JpegEncoder();
        return encoder.Write(image, quality).ToArray();
    }

    /// <summary>Encodes a picture as JPEG. The result is valid until the next call.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="quality">1 to 100.</param>
    public ReadOnlySpan<byte> Write(PixelBuffer image, int quality)
    {
        if (_handle == 0)
        {
            return SkiaJpeg.Encode(image, quality);
        }

        var length = NativeTurboJpeg.tjBufSize(image.Width, image.Height, NativeTurboJpeg.Subsampling444);
        if ((int)length.Value > _jpeg.Length)
        {
            _jpeg = new byte[(int)length.Value];
        }

        fixed (byte* start = _jpeg)
        {
            var output = start;
            if (
                NativeTurboJpeg.tjCompress2(
                    _handle,
                    image.Pixels,
                    image.Width,
                    (int)image.Stride,
                    image.Height,
                    NativeTurboJpeg.PixelFormatRgbx,
                    &output,
                    &length,
                    NativeTurboJpeg.Subsampling444,
                    quality,
                    NativeTurboJpeg.FlagNoReallocate
                ) != 0
            )
            {
                throw new InvalidOperationException("libturbojpeg failed to encode: " + NativeTurboJpeg.LastError(_handle));
            }
        }

        return _jpeg.AsSpan(0, (int)length.Value);
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            _ = NativeTurboJpeg.tjDestroy(_handle);
        }

        _handle = 0;
    }
}
