namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Rotates a square and shrinks it to leave a border, in one bilinear pass: its inverse mapping finds for each pixel the place in the
/// original. In fixed point, so that all machines agree. Not thread-safe.
/// </summary>
/// <param name="side">Side of the squares.</param>
internal sealed class WarpKernel(int side)
{
    private const int FractionBits = 16;
    private const long Unit = 1L << FractionBits;

    /// <summary>The original in a margin of the background: one pixel before it and two after it, since a pixel mixes with the next.</summary>
    private readonly int _stride = side + 3;

    private uint[] _original = [];

    /// <param name="square">RGBX, changed in place.</param>
    /// <param name="degrees">Rotation about the centre, counter-clockwise.</param>
    /// <param name="border">Width of the border on each side, as a share of the side; below 0.5.</param>
    /// <param name="background">Colour of the border and of the corners that rotation leaves.</param>
    public void Apply(Span<uint> square, double degrees, double border, uint background)
    {
        Keep(square, background);
        var (sin, cos) = Math.SinCos(double.DegreesToRadians(degrees));
        var scale = 1 / (1 - (2 * border));
        long stepX = Fixed(cos * scale),
            stepY = Fixed(sin * scale);
        var centre = (side - 1) / 2.0;
        for (var row = 0; row < side; row++)
        {
            var (dx, dy) = (-centre * scale, (row - centre) * scale);
            long x = Fixed(centre + (cos * dx) - (sin * dy)),
                y = Fixed(centre + (sin * dx) + (cos * dy));
            foreach (ref var pixel in square.Slice(row * side, side))
            {
                pixel = At(x, y);
                (x, y) = (x + stepX, y + stepY);
            }
        }
    }

    private static long Fixed(double value) => (long)Math.Round(value * Unit);

    private void Keep(ReadOnlySpan<uint> square, uint background)
    {
        if (_original.Length == 0)
        {
            _original = new uint[_stride * _stride];
        }

        _original.AsSpan().Fill(background);
        for (var row = 0; row < side; row++)
        {
            square.Slice(row * side, side).CopyTo(_original.AsSpan(((row + 1) * _stride) + 1));
        }
    }

    /// <summary>The original's colour at a place, a mean of four pixels.</summary>
    private uint At(long x, long y)
    {
        x = Math.Clamp(x, -Unit, side * Unit) + Unit;
        y = Math.Clamp(y, -Unit, side * Unit) + Unit;
        var corner = (int)(((y >> FractionBits) * _stride) + (x >> FractionBits));
        uint right = (uint)(x >> (FractionBits - 8)) & 0xFF,
            down = (uint)(y >> (FractionBits - 8)) & 0xFF;
        return PackedPixel.Mix(
            PackedPixel.Mix(_original[corner], _original[corner + 1], right),
            PackedPixel.Mix(_original[corner + _stride], _original[corner + _stride + 1], right),
            down
        );
    }
}
