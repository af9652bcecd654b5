using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>The C API of TurboJPEG 2.x (turbojpeg.h, binary interface libturbojpeg.so.0).</summary>
internal static unsafe partial class NativeTurboJpeg
{
    public const int PixelFormatRgbx = 2,
        PixelFormatCmyk = 11;
    public const int ColourspaceYCbCr = 1,
        ColourspaceGray = 2,
        ColourspaceCmyk = 3,
        ColourspaceYcck = 4;
    public const int Subsampling444 = 0,
        Subsampling422 = 1,
        Subsampling420 = 2,
        SubsamplingGray = 3,
        Subsampling440 = 4,
        Subsampling411 = 5;

    /// <summary>Rejects progressive images with more than 500 scans, which take minutes to decode.</summary>
    public const int FlagLimitScans = 32768;

    public const int FlagNoReallocate = 1024;

    /// <summary>Stops at the first warning, whose message becomes the error's.</summary>
    public const int FlagStopOnWarning = 8192;

    /// <summary>Result of tjGetErrorCode for a warning: the picture was decoded.</summary>
    public const int ErrorWarning = 0;

    private const string Library = "libturbojpeg.so.0";

    private static readonly Lazy<bool> Found = new(() =>
        NativeLibrary.TryLoad(Library, typeof(NativeTurboJpeg).Assembly, searchPath: null, out _)
    );

    /// <summary>
    /// Prefers the copy beside the program, unpacked by scripts/setup where packages cannot be installed, to the system's.
    /// </summary>
    static NativeTurboJpeg() =>
        NativeLibrary.SetDllImportResolver(
            typeof(NativeTurboJpeg).Assembly,
            (name, _, _) =>
                name == Library && NativeLibrary.TryLoad(Path.Combine(AppContext.BaseDirectory, "native", Library), out var handle)
                    ? handle
                    : 0
        );

    /// <summary>True if the library is installed.</summary>
    public static bool IsAvailable => Found.Value;

    [LibraryImport(Library)]
    public static partial int tjGetErrorCode(nint handle);

    [LibraryImport(Library)]
    public static partial nint tjInitDecompress();

    [LibraryImport(Library)]
    public static partial nint tjInitCompress();

    [LibraryImport(Library)]
    public static partial int tjDestroy(nint handle);

    [LibraryImport(Library)]
    public static partial int tjDecompressHeader3(
        nint handle,
        byte* jpeg,
        CULong length,
        out int width,
        out int height,
        out int subsampling,
        out int colourspace
    );

    [LibraryImport(Library)]
    public static partial int tjDecompress2(
        nint handle,
        byte* jpeg,
        CULong length,
        byte* pixels,
        int width,
        int pitch,
        int height,
        int pixelFormat,
        int flags
    );

    [LibraryImport(Library)]
    public static partial int tjDecompressToYUVPlanes(
        nint handle,
        byte* jpeg,
        CULong length,
        byte** planes,
        int width,
        int* strides,
        int height,
        int flags
    );

    [LibraryImport(Library)]
    public static partial CULong tjBufSize(int width, int height, int subsampling);

    [LibraryImport(Library)]
    public static partial int tjCompress2(
        nint handle,
        byte* pixels,
        int width,
        int pitch,
        int height,
        int pixelFormat,
        byte** jpeg,
        CULong* length,
        int subsampling,
        int quality,
        int flags
    );

    [LibraryImport(Library)]
    private static partial byte* tjGetErrorStr2(nint handle);

    public static string LastError(nint handle) => Marshal.PtrToStringUTF8((nint)tjGetErrorStr2(handle)) ?? "unknown error";
}
