using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// A decoded image: rows of RGBX, 8 bits per channel, X undefined. Reused from image to image; native memory, which the garbage collector
/// neither moves nor scans.
/// </summary>
internal sealed unsafe class PixelBuffer : IDisposable
{
    public const int BytesPerPixel = 4;

    /// <summary>Default limit of an image's pixels: above it Pillow warns of a "decompression bomb".</summary>
    public const long MaxPixels = 89_478_485;

    /// <summary>Bytes that SIMD may read, but not use, past the last pixel.</summary>
    private const int Slack = 32;

    /// <summary>Largest block that is kept: a rare huge image must not hold its memory for the rest of the run.</summary>
    private const long KeptBytes = 64L << 20;

    private byte* _pixels;
    private long _capacity;

    public int Width { get; private set; }

    public int Height { get; private set; }

    /// <summary>EXIF orientation of the image.</summary>
    public Orientation Orientation { get; set; } = Orientation.Upright;

    public long Stride => (long)Width * BytesPerPixel;

    public byte* Pixels => _pixels;

    public byte* Row(int y) => _pixels + (y * Stride);

    /// <summary>Makes room for an image of this size. Discards the contents.</summary>
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

    /// <summary>Returns an unusually large block to the system.</summary>
    public void Trim()
    {
        if (_capacity > KeptBytes)
        {
            Free();
        }
    }

    public void Dispose() => Free();

    private void Free()
    {
        NativeMemory.AlignedFree(_pixels);
        _pixels = null;
        (_capacity, Width, Height) = (0, 0, 0);
    }
}

/// <summary>A rectangle of whole pixels.</summary>
internal readonly record struct PixelBox(int X, int Y, int Width, int Height);
