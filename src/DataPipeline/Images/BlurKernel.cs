using System.Numerics;
using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Gaussian blur with mirrored edges, as torchvision's: a kernel of three standard deviations to each side, applied to the rows and then to
/// the columns. In whole numbers, so that all machines agree. Not thread-safe.
/// </summary>
/// <param name="side">Side of the squares.</param>
internal sealed class BlurKernel(int side)
{
    private uint[] _columns = [],
        _padded = [],
        _blurred = [];
    private ushort[] _weights = [];

    /// <param name="square">RGBX, changed in place.</param>
    /// <param name="sigma">Standard deviation in pixels.</param>
    public void Blur(Span<uint> square, double sigma)
    {
        var radius = Math.Min((int)Math.Ceiling(3 * sigma), side - 1);
        Reserve(radius);
        Weigh(sigma, radius);
        BlurRows(square, _columns, radius);
        BlurRows(_columns, square, radius);
    }

    private void Reserve(int radius)
    {
        if (_weights.Length < radius + 1)
        {
            _weights = new ushort[radius + 1];
            _padded = new uint[side + (2 * radius) + Vector<uint>.Count];
        }

        if (_columns.Length == 0)
        {
            _columns = new uint[side * side];
            _blurred = new uint[side + Vector<uint>.Count];
        }
    }

    /// <summary>
    /// Weights by distance from the centre, in 1/256. Each rounds the sum from the edge on, so that errors do not add up.
    /// </summary>
    private void Weigh(double sigma, int radius)
    {
        double Density(int distance) => Math.Exp(-0.5 * distance * distance / (sigma * sigma));
        var total = Density(0);
        for (var distance = 1; distance <= radius; distance++)
        {
            total += 2 * Density(distance);
        }

        var (sum, given) = (0.0, 0);
        for (var distance = radius; distance > 0; distance--)
        {
            sum += Density(distance) / total * PackedPixel.One;
            _weights[distance] = (ushort)(Math.Round(sum) - given);
            given += _weights[distance];
        }

        _weights[0] = (ushort)(PackedPixel.One - (2 * given));
    }

    /// <summary>Blurs the rows and writes them as columns.</summary>
    private void BlurRows(ReadOnlySpan<uint> rows, Span<uint> columns, int radius)
    {
        for (var row = 0; row < side; row++)
        {
            Pad(rows.Slice(row * side, side), radius);
            for (var x = 0; x < side; x += Vector<uint>.Count)
            {
                BlurAt(x, radius).CopyTo(_blurred, x);
            }

            for (var x = 0; x < side; x++)
            {
                columns[(x * side) + row] = _blurred[x];
            }
        }
    }

    private void Pad(ReadOnlySpan<uint> row, int radius)
    {
        row.CopyTo(_padded.AsSpan(radius));
        for (var distance = 1; distance <= radius; distance++)
        {
            _padded[radius - distance] = row[distance];
            _padded[radius + side - 1 + distance] = row[side - 1 - distance];
        }
    }

    /// <summary>Blurred pixels from x on. A channel times 256 fits 16 bits.</summary>
    private Vector<uint> BlurAt(int x, int radius)
    {
        ref var start = ref MemoryMarshal.GetArrayDataReference(_padded);
        var centre = Vector.LoadUnsafe(ref start, (nuint)(x + radius));
        var mask = new Vector<uint>(PackedPixel.Even);
        var half = Vector.AsVectorUInt16(new Vector<uint>(PackedPixel.Half));
        var (even, odd) = (half + (Even(centre) * _weights[0]), half + (Odd(centre) * _weights[0]));
        for (var distance = 1; distance <= radius; distance++)
        {
            var left = Vector.LoadUnsafe(ref start, (nuint)(x + radius - distance));
            var right = Vector.LoadUnsafe(ref start, (nuint)(x + radius + distance));
            even += (Even(left) + Even(right)) * _weights[distance];
            odd += (Odd(left) + Odd(right)) * _weights[distance];
        }

        return ((Vector.AsVectorUInt32(even) >>> 8) & mask) | Vector.AndNot(Vector.AsVectorUInt32(odd), mask);

        Vector<ushort> Even(Vector<uint> pixels) => Vector.AsVectorUInt16(pixels & mask);
        Vector<ushort> Odd(Vector<uint> pixels) => Vector.AsVectorUInt16((pixels >>> 8) & mask);
    }
}
