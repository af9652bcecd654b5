using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// EXIF orientation of a stored picture, 1 to 8 (Exif 2.32, tag 0x0112). The pixel displayed at (x, y) is stored at (x, y), swapped to
/// (y, x) from 5 on, then counted from the right or from the bottom.
/// </summary>
internal readonly record struct Orientation(int Value)
{
    private const int Tag = 0x0112;

    public static Orientation Upright => new(1);

    private bool Swaps => Value is >= 5 and <= 8;

    private bool FromRight => Value is 2 or 3 or 7 or 8;

    private bool FromBottom => Value is 3 or 4 or 6 or 7;

    /// <summary>Displayed width and height from stored ones, or the reverse.</summary>
    public (int Width, int Height) Turn(int width, int height) => Swaps ? (height, width) : (width, height);

    /// <summary>The location of a displayed box in a stored picture of this size.</summary>
    public PixelBox Stored(PixelBox shown, int width, int height)
    {
        var box = Swaps ? new PixelBox(shown.Y, shown.X, shown.Height, shown.Width) : shown;
        return box with { X = FromRight ? width - box.X - box.Width : box.X, Y = FromBottom ? height - box.Y - box.Height : box.Y };
    }

    /// <summary>Turns a square of pixels from stored to displayed orientation.</summary>
    public void Show(ReadOnlySpan<uint> stored, Span<uint> shown, int side)
    {
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var (column, row) = Swaps ? (y, x) : (x, y);
                shown[(y * side) + x] = stored[((FromBottom ? side - 1 - row : row) * side) + (FromRight ? side - 1 - column : column)];
            }
        }
    }

    /// <summary>A JPEG's orientation; upright if it has none, or an invalid one.</summary>
    public static Orientation OfJpeg(ReadOnlySpan<byte> jpeg)
    {
        // Segments are FF, marker, length; metadata ends at the first entropy-coded data (DA).
        var rest = jpeg[2..];
        while (rest is [0xFF, not 0xDA, _, _, ..])
        {
            var end = 2 + BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (end < 4 || end > rest.Length)
            {
                break;
            }

            if (rest[1] == 0xE1 && rest[4..end] is var segment && segment.StartsWith("Exif\0\0"u8))
            {
                return OfExif(segment[6..]);
            }

            rest = rest[end..];
        }

        return Upright;
    }

    /// <summary>Reads the first directory of a TIFF header with its entries of 12 bytes: tag, type, count, value.</summary>
    private static Orientation OfExif(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8 || !(tiff.StartsWith("II"u8) || tiff.StartsWith("MM"u8)))
        {
            return Upright;
        }

        var little = tiff[0] == (byte)'I';
        var offset = little ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (offset > tiff.Length - 2)
        {
            return Upright;
        }

        var directory = tiff[(int)offset..];
        int Short(ReadOnlySpan<byte> at) => little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
        var count = Math.Min(Short(directory), (directory.Length - 2) / 12);
        for (var i = 0; i < count; i++)
        {
            var entry = directory.Slice(2 + (i * 12), 12);
            if (Short(entry) == Tag && Short(entry[8..]) is >= 1 and <= 8 and var value)
            {
                return new Orientation(value);
            }
        }

        return Upright;
    }
}
