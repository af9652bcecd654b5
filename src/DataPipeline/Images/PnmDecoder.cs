namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// PBM, PGM and PPM, as text or binary (netpbm's P1 to P6). Our own decoder because ImageSharp takes a first pixel whose byte is a blank
/// for header whitespace and shifts all others.
/// </summary>
internal static class PnmDecoder
{
    private const int MaxValue = 65_535;

    public static bool Knows(ReadOnlySpan<byte> encoded) =>
        encoded is [(byte)'P', >= (byte)'1' and <= (byte)'6', (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t', ..];

    /// <exception cref="ImageDecodeException">The image is damaged, truncated or larger than the limits.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, PixelBuffer image, ImageLimits limits)
    {
        var kind = encoded[1] - '0';
        var reader = new Reader(encoded, 2);
        var (width, height) = (reader.Number(int.MaxValue), reader.Number(int.MaxValue));
        var largest = kind is 1 or 4 ? 1 : reader.Number(MaxValue);
        limits.CheckSize(width, height);
        if (largest < 1)
        {
            throw new ImageDecodeException("PNM: the header's maximum value is 0");
        }

        var channels = kind is 3 or 6 ? 3 : 1;
        // A value takes at least a byte, in packed bitmaps a bit.
        var least = kind == 4 ? (width + 7L) / 8 * height : (long)width * height * channels * (kind > 4 && largest > byte.MaxValue ? 2 : 1);
        if (kind > 3)
        {
            reader.EndHeader();
        }

        if (reader.Left < least)
        {
            throw new ImageDecodeException($"PNM: the file is truncated: {least} bytes of pixels are needed, {reader.Left} are present");
        }

        image.Resize(width, height);
        for (var y = 0; y < height; y++)
        {
            var row = Row(image, y);
            for (var x = 0; x < width; x++)
            {
                for (var channel = 0; channel < channels; channel++)
                {
                    row[(x * PixelBuffer.BytesPerPixel) + channel] = Level(kind, ref reader, x, largest);
                }

                if (channels == 1)
                {
                    row[(x * PixelBuffer.BytesPerPixel) + 1] = row[(x * PixelBuffer.BytesPerPixel) + 2] = row[
                        x * PixelBuffer.BytesPerPixel
                    ];
                }
            }

            if (kind == 4)
            {
                reader.EndRow(width);
            }
        }

        image.Orientation = Orientation.Upright;
    }

    private static unsafe Span<byte> Row(PixelBuffer image, int y) => new(image.Row(y), checked((int)image.Stride));

    /// <summary>The next value as a level of 0 to 255; in bitmaps 1 is black.</summary>
    private static byte Level(int kind, ref Reader reader, int x, int largest) =>
        kind switch
        {
            1 => reader.Digit() == 0 ? (byte)255 : (byte)0,
            4 => reader.Bit(x) == 0 ? (byte)255 : (byte)0,
            2 or 3 => Scaled(reader.Number(MaxValue), largest),
            _ => Scaled(largest > byte.MaxValue ? (reader.Byte() << 8) | reader.Byte() : reader.Byte(), largest),
        };

    private static byte Scaled(int value, int largest) => (byte)(((Math.Min(value, largest) * 255L) + (largest / 2)) / largest);

    private ref struct Reader(ReadOnlySpan<byte> bytes, int at)
    {
        private readonly ReadOnlySpan<byte> _bytes = bytes;
        private int _at = at;

        public readonly int Left => _bytes.Length - _at;

        /// <summary>The next number, after whitespace and comments.</summary>
        public int Number(int largest)
        {
            SkipBlanks();
            var start = _at;
            long value = 0;
            for (; _at < _bytes.Length && char.IsAsciiDigit((char)_bytes[_at]); _at++)
            {
                value = Math.Min((value * 10) + _bytes[_at] - '0', int.MaxValue);
            }

            return _at > start && value <= largest
                ? (int)value
                : throw new ImageDecodeException(
                    $"PNM: a number is missing or too large at byte {start}; the file is damaged or truncated"
                );
        }

        /// <summary>A value of a text bitmap, where no whitespace is needed.</summary>
        public int Digit()
        {
            SkipBlanks();
            return _at < _bytes.Length && _bytes[_at] is (byte)'0' or (byte)'1'
                ? _bytes[_at++] - '0'
                : throw new ImageDecodeException($"PNM: expected 0 or 1 at byte {_at}; the file is damaged or truncated");
        }

        /// <summary>Skips the single whitespace byte that ends the header; pixels follow.</summary>
        public void EndHeader() => _at++;

        public int Byte() => _bytes[_at++];

        public readonly int Bit(int x) => (_bytes[_at + (x / 8)] >> (7 - (x % 8))) & 1;

        public void EndRow(int width) => _at += (width + 7) / 8;

        private void SkipBlanks()
        {
            for (; _at < _bytes.Length && (_bytes[_at] == '#' || char.IsWhiteSpace((char)_bytes[_at])); _at++)
            {
                if (_bytes[_at] == '#')
                {
                    _at += _bytes[_at..].IndexOf((byte)'\n') is >= 0 and var end ? end : Left - 1;
                }
            }
        }
    }
}
