using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Bicubic or bilinear resampling of RGBX, bit-identical to Pillow: horizontally, rounded to 8 bits, then vertically. Computes only the rows and
/// columns that the result needs, and uses each row while it is in cache. Not thread-safe.
/// </summary>
internal sealed unsafe class PixelResampler : IDisposable
{
    /// <summary>Rows are written in blocks of four pixels, so up to this many bytes past the end of the last one.</summary>
    public const int RowSlack = 16;

    private const int Block = 4;

    private readonly PixelKernel _horizontal,
        _vertical;
    private readonly bool _vectorised;

    /// <summary>Row pairs after the horizontal pass: pair p is in slot p mod _slots, a power of two.</summary>
    private short* _ring;
    private long _capacity;
    private int _slots,
        _pairShorts;

    public PixelResampler(ResampleFilter filter = ResampleFilter.Bicubic)
        : this(Avx2.IsSupported, filter) { }

    /// <summary>For tests: the portable path produces the same bytes.</summary>
    internal PixelResampler(bool vectorised, ResampleFilter filter = ResampleFilter.Bicubic)
    {
        _vectorised = vectorised;
        (_horizontal, _vertical) = (new PixelKernel(filter), new PixelKernel(filter));
    }

    /// <summary>
    /// Resamples the box of the image to scaledWidth × scaledHeight and writes the window of that result: window.Height rows of
    /// window.Width RGBX pixels without padding, in a block with <see cref="RowSlack"/> bytes to spare.
    /// </summary>
    public void Resample(PixelBuffer image, PixelBox box, int scaledWidth, int scaledHeight, PixelBox window, byte* result)
    {
        _horizontal.Compute(box.Width, scaledWidth, window.X, window.Width);
        _vertical.Compute(box.Height, scaledHeight, window.Y, window.Height);
        var needed = _vertical.Groups * (PixelKernel.GroupTaps / 2);
        Reserve(needed, window.Width);

        var ready = _vertical.First / 2;
        var last = (_vertical.End + 1) / 2;
        var addresses = ArrayPool<nint>.Shared.Rent(needed);
        fixed (nint* pairs = addresses)
        {
            for (var y = 0; y < window.Height; y++)
            {
                var first = _vertical.Start[y] / 2;
                for (var end = Math.Min(first + needed, last); ready < end; ready += 2)
                {
                    HorizontalPass(image, box, ready, window.Width);
                }

                for (var p = 0; p < needed; p++)
                {
                    pairs[p] = (nint)Slot(first + p);
                }

                // Ascending order: each row overwrites the slack of the row before.
                var row = result + ((long)y * window.Width * PixelBuffer.BytesPerPixel);
                if (_vectorised)
                {
                    ResampleRow.VerticalAvx2(_vertical, y, (short**)pairs, window.Width, row);
                }
                else
                {
                    ResampleRow.VerticalPortable(_vertical, y, (short**)pairs, window.Width, row);
                }
            }
        }

        ArrayPool<nint>.Shared.Return(addresses);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_ring);
        _ring = null;
        _capacity = 0;
    }

    /// <summary>
    /// Computes the row pairs pair and pair + 1; rows past the end of the box repeat its last row and later get weight zero.
    /// </summary>
    private void HorizontalPass(PixelBuffer image, PixelBox box, int pair, int width)
    {
        byte* Row(int y) => image.Row(box.Y + Math.Min(y, box.Height - 1)) + ((long)box.X * PixelBuffer.BytesPerPixel);

        var rows = new ResampleRow.SourceRows(Row(2 * pair), Row((2 * pair) + 1), Row((2 * pair) + 2), Row((2 * pair) + 3));
        if (_vectorised)
        {
            ResampleRow.HorizontalAvx2(_horizontal, rows, width, Slot(pair), Slot(pair + 1));
        }
        else
        {
            ResampleRow.HorizontalPortable(_horizontal, rows, width, Slot(pair), Slot(pair + 1));
        }
    }

    private short* Slot(int pair) => _ring + ((pair & (_slots - 1)) * (long)_pairShorts);

    private void Reserve(int pairs, int width)
    {
        // Pairs are computed two at a time, so one more than an output row needs may be held.
        _slots = (int)BitOperations.RoundUpToPowerOf2((uint)pairs + 1);
        _pairShorts = (width + Block - 1) / Block * Block * ResampleRow.PairShorts;
        var bytes = (long)_slots * _pairShorts * sizeof(short);
        if (bytes <= _capacity)
        {
            return;
        }

        NativeMemory.AlignedFree(_ring);
        _ring = (short*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        _capacity = bytes;
    }
}
