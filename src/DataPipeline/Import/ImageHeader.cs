using System.Buffers.Binary;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Import;

/// <summary>
/// Whether an image looks whole by its first and last bytes: it says a size that is accepted, and it ends as its format
/// does. "No" means only that a decoder has to say.
/// </summary>
internal static class ImageHeader
{
    private const byte Fill = 0xFF, StartOfScan = 0xDA;

    public static bool LooksWhole(ReadOnlySpan<byte> image) => image switch
    {
        [0xFF, 0xD8, .., 0xFF, 0xD9] => JpegSize(image),
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Png(image),
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => WebP(image),
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', .., 0x3B] =>
            image.Length > 13 && IsAccepted(BinaryPrimitives.ReadUInt16LittleEndian(image[6..]), BinaryPrimitives.ReadUInt16LittleEndian(image[8..])),
        _ => false,
    };

    /// <summary>The frame header (SOF0 to SOF2: baseline, extended, progressive) before the first scan; ITU T.81, annex B.</summary>
    private static bool JpegSize(ReadOnlySpan<byte> image)
    {
        for (var i = 2; i + 9 <= image.Length;)
        {
            if (image[i] != Fill)
                return false;
            var marker = image[i + 1];
            if (marker == Fill)
            {
                i++;
                continue;
            }

            if (marker is >= 0xC0 and <= 0xC2)
                return IsAccepted(BinaryPrimitives.ReadUInt16BigEndian(image[(i + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(image[(i + 5)..]));
            if (marker is StartOfScan or < 0xC0 or (>= 0xD0 and <= 0xD9))
                return false;
            i += 2 + BinaryPrimitives.ReadUInt16BigEndian(image[(i + 2)..]);
        }

        return false;
    }

    /// <summary>IHDR comes first, IEND last.</summary>
    private static bool Png(ReadOnlySpan<byte> image) =>
        image.Length >= 45 && image[12..16].SequenceEqual("IHDR"u8) && image[^8..^4].SequenceEqual("IEND"u8)
        && IsAccepted(BinaryPrimitives.ReadUInt32BigEndian(image[16..]), BinaryPrimitives.ReadUInt32BigEndian(image[20..]));

    /// <summary>The RIFF size says where the file ends; sizes as RFC 9649 has them in the three kinds of first chunk.</summary>
    private static bool WebP(ReadOnlySpan<byte> image)
    {
        if (image.Length < 30 || BinaryPrimitives.ReadUInt32LittleEndian(image[4..]) + 8L != image.Length)
            return false;
        var chunk = image[12..16];
        if (chunk.SequenceEqual("VP8X"u8))
            return IsAccepted(1 + UInt24(image[24..]), 1 + UInt24(image[27..]));
        if (chunk.SequenceEqual("VP8L"u8) && BinaryPrimitives.ReadUInt32LittleEndian(image[21..]) is var bits)
            return IsAccepted(1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF));
        return chunk.SequenceEqual("VP8 "u8)
            && IsAccepted(BinaryPrimitives.ReadUInt16LittleEndian(image[26..]) & 0x3FFFu, BinaryPrimitives.ReadUInt16LittleEndian(image[28..]) & 0x3FFFu);
    }

    private static uint UInt24(ReadOnlySpan<byte> bytes) => (uint)(bytes[0] | (bytes[1] << 8) | (bytes[2] << 16));

    private static bool IsAccepted(uint width, uint height) => width > 0 && height > 0 && (ulong)width * height <= PixelBuffer.MaxPixels;
}
