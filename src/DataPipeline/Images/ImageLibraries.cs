namespace ClipTrain.DataPipeline.Images;

/// <summary>The native image libraries, for those who report on them.</summary>
public static class ImageLibraries
{
    /// <summary>Whether libjpeg-turbo decodes JPEGs; SkiaSharp does where it is not here.</summary>
    public static bool HasTurboJpeg
    {
        get
        {
            if (NativeTurboJpeg.IsAvailable)
                new JpegDecoder().Dispose();
            return NativeTurboJpeg.IsAvailable;
        }
    }

    /// <summary>libvips' version.</summary>
    /// <exception cref="DllNotFoundException">It is missing.</exception>
    public static string VipsVersion() =>
        string.Join('.', NativeVips.vips_version(0), NativeVips.vips_version(1), NativeVips.vips_version(2));
}
