using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>One 8-bit channel of a decoded picture. Reused from image to image, like <see cref="PixelBuffer"/>.</summary>
internal sealed unsafe class PlaneBuffer : IDisposable
{
    /// <summary>Bytes that SIMD may read, but not use, past the last pixel.</summary>
    private const int Slack = 64;

    private const long KeptBytes = 64L << 20;

    private long _capacity;

    public int Width { get; private set; }

    public int Height { get; private set; }

    /// <summary>Bytes from one row to the next: the width, and padding written by the decoder.</summary>
    public int Stride { get; private set; }

    public byte* Pixels { get; private set; }

    public byte* Row(int y) => Pixels + ((long)y * Stride);

    /// <summary>Makes room for rows of stride bytes, of which width × height are the picture. Discards the contents.</summary>
    public void Resize(int width, int height, int stride, int rows)
    {
        var bytes = (long)stride * rows;
        if (bytes > _capacity || (_capacity > KeptBytes && bytes <= KeptBytes))
        {
            Dispose();
            Pixels = (byte*)NativeMemory.AlignedAlloc((nuint)bytes + Slack, 64);
            _capacity = bytes;
        }

        (Width, Height, Stride) = (width, height, stride);
    }

    /// <summary>Returns an unusually large block to the system.</summary>
    public void Trim()
    {
        if (_capacity > KeptBytes)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Pixels);
        Pixels = null;
        (_capacity, Width, Height, Stride) = (0, 0, 0, 0);
    }
}
