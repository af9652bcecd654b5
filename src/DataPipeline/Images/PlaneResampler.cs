using System.Numerics;
using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Bicubic resampling of a plane to a square, for training: vertically first, so that SIMD in both passes runs over adjacent values.
/// Differs from Pillow only in rounding. Not thread-safe.
/// </summary>
internal sealed unsafe class PlaneResampler(int side, bool vectorised) : IDisposable
{
    private readonly PlaneKernel _horizontal = new(evenStarts: false),
        _vertical = new(evenStarts: true);
    private nint[] _pairs = [];
    private int _first,
        _columns;

    /// <summary>Rows between the passes, then a ring of pairs of input rows: pair p is in slot p mod _slots, a power of two.</summary>
    private short* _memory;
    private long _capacity;
    private int _line,
        _slots;

    /// <summary>Values from one row of the result to the next.</summary>
    public static int ResultStride(int side) => WholeBlocks(side);

    /// <summary>Values that a result needs room for: rows are computed four at a time.</summary>
    public static int ResultLength(int side) => (side + PlaneRow.Rows - 1) * ResultStride(side);

    /// <summary>Sets the part of planes of this size that becomes the square.</summary>
    public void Aim(int width, int height, double x, double y, double boxWidth, double boxHeight)
    {
        _horizontal.Compute(x, boxWidth, width, side);
        _vertical.Compute(y, boxHeight, height, side);
        (_first, _columns) = (_horizontal.First, _horizontal.End - _horizontal.First);
        Reserve();
    }

    /// <summary>Resamples the part of the plane to levels with <see cref="PlaneRow.LevelBits"/> fractional bits.</summary>
    public void Resample(PlaneBuffer plane, short* result)
    {
        var stride = ResultStride(side);
        var ready = _vertical.First / 2;
        for (var y = 0; y < side; y += PlaneRow.Rows)
        {
            for (var row = 0; row < PlaneRow.Rows; row++)
            {
                VerticalPass(plane, Math.Min(y + row, side - 1), ref ready, Line(row));
            }

            if (vectorised)
            {
                PlaneRow.HorizontalAvx2(_horizontal, _memory, _line, side, result + (y * stride), stride);
            }

            for (var row = 0; row < PlaneRow.Rows && !vectorised; row++)
            {
                PlaneRow.HorizontalPortable(_horizontal, Line(row), side, result + ((y + row) * stride));
            }
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _capacity = 0;
    }

    /// <summary>Computes one row of the result's height; ready is the first pair not yet made.</summary>
    private void VerticalPass(PlaneBuffer plane, int y, ref int ready, short* line)
    {
        int first = _vertical.Start[y] / 2,
            count = _vertical.Taps / 2;
        for (; ready < first + count; ready++)
        {
            MakePair(plane, ready);
        }

        fixed (nint* pairs = _pairs)
        fixed (short* weights = &_vertical.Weights[y * _vertical.Stride])
        {
            for (var p = 0; p < count; p++)
            {
                pairs[p] = (nint)Slot(first + p);
            }

            if (vectorised)
            {
                PlaneRow.VerticalAvx2((int*)weights, (short**)pairs, count, _columns, line);
            }
            else
            {
                PlaneRow.VerticalPortable((int*)weights, (short**)pairs, count, _columns, line);
            }
        }
    }

    private void MakePair(PlaneBuffer plane, int pair)
    {
        // Rows past the last one have weight zero.
        byte* upper = plane.Row(Math.Min(2 * pair, plane.Height - 1)) + _first,
            lower = plane.Row(Math.Min((2 * pair) + 1, plane.Height - 1)) + _first;
        if (vectorised)
        {
            PlaneRow.PairAvx2(upper, lower, _columns, Slot(pair));
        }
        else
        {
            PlaneRow.PairPortable(upper, lower, _columns, Slot(pair));
        }
    }

    private short* Line(int row) => _memory + (row * _line);

    private short* Slot(int pair) => Line(PlaneRow.Rows + (2 * (pair & (_slots - 1))));

    private void Reserve()
    {
        // Weights extend past the last column.
        _line = WholeBlocks(_columns + _horizontal.Stride);
        var count = _vertical.Taps / 2;
        _slots = (int)BitOperations.RoundUpToPowerOf2((uint)count);
        if (_pairs.Length < count)
        {
            _pairs = new nint[count];
        }

        var bytes = (PlaneRow.Rows + (2L * _slots)) * _line * sizeof(short);
        if (bytes <= _capacity)
        {
            return;
        }

        Dispose();
        _memory = (short*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        _capacity = bytes;
    }

    private static int WholeBlocks(int values) => (values + PlaneRow.Block - 1) / PlaneRow.Block * PlaneRow.Block;
}
