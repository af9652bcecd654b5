namespace ClipTrain.DataPipeline.Images;

/// <summary>The native image libraries, for those who report on them.</summary>
public static class ImageLibraries
{
    /// <summary>Opens libjpeg-turbo.</summary>
    /// <exception cref="DllNotFoundException">It is missing.</exception>
    public static void CheckJpeg() => new JpegDecoder().Dispose();

    /// <summary>libvips' version.</summary>
    /// <exception cref="DllNotFoundException">It is missing.</exception>
    public static string VipsVersion() => string.Join('.', NativeVips.vips_version(0), NativeVips.vips_version(1), NativeVips.vips_version(2));
}
