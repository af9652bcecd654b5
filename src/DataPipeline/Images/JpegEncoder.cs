namespace ClipTrain.DataPipeline.Images;

/// <summary>JPEG encoding by libjpeg-turbo, or SkiaSharp where that is missing, without chroma subsampling.</summary>
internal static unsafe class JpegEncoder
{
    /// <summary>Encodes a picture as JPEG.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="quality">1 to 100.</param>
    public static byte[] Encode(PixelBuffer image, int quality)
    {
        if (!NativeTurboJpeg.IsAvailable)
        {
            return SkiaJpeg.Encode(image, quality);
        }

        var handle = NativeTurboJpeg.tjInitCompress();
        if (handle == 0)
        {
            throw new InvalidOperationException("libturbojpeg failed to create an encoder: " + NativeTurboJpeg.LastError(0));
        }

        try
        {
            var length = NativeTurboJpeg.tjBufSize(image.Width, image.Height, NativeTurboJpeg.Subsampling444);
            var jpeg = new byte[(int)length.Value];
            fixed (byte* start = jpeg)
            {
                var output = start;
                if (
                    NativeTurboJpeg.tjCompress2(
                        handle,
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
                    throw new InvalidOperationException("libturbojpeg failed to encode: " + NativeTurboJpeg.LastError(handle));
                }
            }

            return jpeg[..(int)length.Value];
        }
        finally
        {
            _ = NativeTurboJpeg.tjDestroy(handle);
        }
    }
}
