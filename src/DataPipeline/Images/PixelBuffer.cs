using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// A decoded image: rows of RGBX, 8 bits a channel, the X byte undefined. Reused from image to image; native memory, so that the
/// collector never moves or scans it.
/// </summary>
internal sealed unsafe class PixelBuffer : IDisposable
{
    public const int BytesPerPixel = 4;

    /// <summary>
    /// Larger images than this pixel count are refused unless the limit is raised: above it Pillow warns of a "decompression bomb".
    /// </summary>
    public const long MaxPixels = 89_478_485;

    /// <summary>SIMD may read, but not use, this much past the last pixel.</summary>
    private const int Slack = 32;

    /// <summary>A rare huge image must not keep its memory for the rest of the run.</summary>
    private const long KeptBytes = 64L << 20;

    private byte* _pixels;
    private long _capacity;

    public int Width { get; private set; }

    public int Height { get; private set; }

    /// <summary>How the picture is to be turned to be shown, as the file says it.</summary>
    public Orientation Orientation { get; set; } = Orientation.Upright;

    public long Stride => (long)Width * BytesPerPixel;

    public byte* Pixels => _pixels;

    public byte* Row(int y) => _pixels + (y * Stride);

    /// <summary>Makes room for an image of this size. What was held is lost.</summary>
    public void Resize(int width, int height)
    {
        var bytes = checked((long)width * height * BytesPerPixel);
        if (bytes > _capacity || (_capacity > KeptBytes && bytes <= KeptBytes))
        {
            Free();
            _pixels = (byte*)NativeMemory.AlignedAlloc((nuint)bytes + Slack, 64);
            _capacity = bytes;
        }

        (Width, Height) = (width, height);
    }

    /// <summary>Gives an unusually large block back to the system.</summary>
    public void Trim()
    {
        if (_capacity > KeptBytes)
            Free();
    }

    public void Dispose() => Free();

    private void Free()
    {
        NativeMemory.AlignedFree(_pixels);
        _pixels = null;
        (_capacity, Width, Height) = (0, 0, 0);
    }
}
