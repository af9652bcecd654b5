using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Bicubic resampling of RGBX, within one level of Pillow's BICUBIC in every channel of every pixel: horizontally, rounded
/// to 8 bits, then vertically. Only rows and columns that the result needs are computed. For one thread at a time.
/// </summary>
internal sealed unsafe class BicubicResampler : IDisposable
{
    /// <summary>Row kernels work in blocks of 16 bytes and may write this much past the end of a row.</summary>
    public const int RowSlack = 16;

    private readonly BicubicKernel _horizontal = new(), _vertical = new();
    private readonly bool _vectorised;
    private byte* _rows;
    private long _capacity;

    public BicubicResampler()
        : this(Avx2.IsSupported)
    {
    }

    /// <summary>For tests: the portable path gives the same bytes.</summary>
    internal BicubicResampler(bool vectorised) => _vectorised = vectorised;

    /// <summary>
    /// Resamples the box of the image to scaledWidth × scaledHeight and writes the window of that result: window.Height
    /// rows of window.Width RGBX pixels without gaps, in a block with <see cref="RowSlack"/> bytes to spare.
    /// </summary>
    public void Resample(PixelBuffer image, PixelBox box, int scaledWidth, int scaledHeight, PixelBox window, byte* result)
    {
        _horizontal.Compute(box.Width, scaledWidth, window.X, window.Width);
        _vertical.Compute(box.Height, scaledHeight, window.Y, window.Height);

        var rowBytes = window.Width * PixelBuffer.BytesPerPixel;
        int first = _vertical.First, count = _vertical.End - first;
        Reserve(((long)count * rowBytes) + RowSlack);

        fixed (short* horizontal = _horizontal.Weights, vertical = _vertical.Weights)
        {
            for (var y = 0; y < count; y++)
            {
                var source = image.Row(box.Y + first + y) + (box.X * PixelBuffer.BytesPerPixel);
                var row = (uint*)(_rows + ((long)y * rowBytes));
                if (_vectorised)
                    ResampleRow.HorizontalAvx2(source, _horizontal, horizontal, row, window.Width);
                else
                    ResampleRow.HorizontalPortable(source, _horizontal, horizontal, row, window.Width);
            }

            // Ascending order: what a row writes past its end, the next one overwrites.
            for (var i = 0; i < window.Height; i++)
            {
                var top = _rows + ((long)(_vertical.Start[i] - first) * rowBytes);
                var weights = vertical + (i * _vertical.Stride);
                var row = result + ((long)i * rowBytes);
                if (_vectorised)
                    ResampleRow.VerticalAvx2(top, rowBytes, weights, _vertical.Count[i], row);
                else
                    ResampleRow.VerticalPortable(top, rowBytes, weights, _vertical.Count[i], row);
            }
        }
    }

    public void Dispose() => Free();

    private void Reserve(long bytes)
    {
        if (bytes <= _capacity)
            return;
        Free();
        _rows = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        _capacity = bytes;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_rows);
        _rows = null;
        _capacity = 0;
    }
}
