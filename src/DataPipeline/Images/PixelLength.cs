using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Checks whether an image's bytes can hold all of its pixels. ImageSharp fills the missing end of a BMP or TGA with black, and allocates
/// a picture before it finds that there is none.
/// </summary>
internal static class PixelLength
{
    /// <summary>Largest compression ratio of Deflate.</summary>
    private const long MaxInflation = 1032;

    private const int BmpHeader = 54,
        TgaHeader = 18;

    /// <summary>A description of what is missing; null if nothing is known to be.</summary>
    public static string? Missing(ReadOnlySpan<byte> encoded, int width, int height)
    {
        var (needed, there) = encoded switch
        {
            [0x89, ..] => (
                Math.Max(Rows(width, height, encoded[24] * Channels(encoded[25])) / MaxInflation, PngEnd(encoded)),
                encoded.Length
            ),
            [(byte)'B', (byte)'M', ..] => Bmp(encoded, width, height),
            _ => Tga(encoded, width, height),
        };
        return there < needed
            ? $"the file is truncated: a picture of {width} × {height} pixels needs {needed} bytes or pixels, {there} are present"
            : null;
    }

    /// <summary>True if bytes without a magic number may be a TGA: by its footer, or because every header field is plausible.</summary>
    public static bool LooksLikeTga(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length < TgaHeader + 1)
        {
            return false;
        }

        if (encoded.EndsWith("TRUEVISION-XFILE.\0"u8))
        {
            return true;
        }

        return encoded is [_, 0 or 1, 1 or 2 or 3 or 9 or 10 or 11, ..]
            && encoded[16] is 8 or 15 or 16 or 24 or 32
            && (encoded[17] & 0xC0) == 0
            && (encoded[2] & 7) == 1 == (encoded[1] == 1)
            && BinaryPrimitives.ReadUInt16LittleEndian(encoded[12..]) > 0
            && BinaryPrimitives.ReadUInt16LittleEndian(encoded[14..]) > 0;
    }

    private static long Rows(long width, long height, long bits) => height * ((width * bits) + 7) / 8;

    /// <summary>End of the last chunk according to the chunk lengths; beyond the file if a chunk is truncated.</summary>
    private static long PngEnd(ReadOnlySpan<byte> encoded)
    {
        long at = 8;
        while (at + 12 <= encoded.Length)
        {
            var (start, isEnd) = ((int)at, encoded.Slice((int)at + 4, 4).SequenceEqual("IEND"u8));
            at += 12 + BinaryPrimitives.ReadUInt32BigEndian(encoded[start..]);
            if (isEnd)
            {
                return at;
            }
        }

        return Math.Max(at, encoded.Length) + 12;
    }

    private static int Channels(byte pngColourType) =>
        pngColourType switch
        {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };

    private static (long Needed, long There) Bmp(ReadOnlySpan<byte> encoded, int width, int height)
    {
        if (encoded.Length < BmpHeader)
        {
            return (BmpHeader, encoded.Length);
        }

        var offset = BinaryPrimitives.ReadUInt32LittleEndian(encoded[10..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(encoded[14..]) < 40)
        {
            return (
                offset + ((((long)width * BinaryPrimitives.ReadUInt16LittleEndian(encoded[24..])) + 31) / 32 * 4 * height),
                encoded.Length
            );
        }

        var isRunLength = BinaryPrimitives.ReadUInt32LittleEndian(encoded[30..]) is 1 or 2;
        var pixels = isRunLength
            ? BinaryPrimitives.ReadUInt32LittleEndian(encoded[34..])
            : (((long)width * BinaryPrimitives.ReadUInt16LittleEndian(encoded[28..])) + 31) / 32 * 4 * height;
        return (offset + pixels, encoded.Length);
    }

    private static (long Needed, long There) Tga(ReadOnlySpan<byte> encoded, int width, int height)
    {
        var bytes = (encoded[16] + 7) / 8;
        var start =
            TgaHeader + encoded[0] + (encoded[1] == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(encoded[5..]) * ((encoded[7] + 7) / 8) : 0);
        var pixels = (long)width * height;
        if (encoded[2] < 9)
        {
            return (start + (pixels * bytes), encoded.Length);
        }
        // Packets: a repeated value, or a number of literal values.
        long there = 0;
        long at = start;
        while (at < encoded.Length && there < pixels)
        {
            var count = (encoded[(int)at] & 0x7F) + 1;
            at += 1 + (encoded[(int)at] >= 0x80 ? bytes : count * bytes);
            there += at <= encoded.Length ? count : 0;
        }

        return (pixels, there);
    }
}
