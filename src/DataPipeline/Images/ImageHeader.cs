using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Images;

/// <summary>Format of an image file, by its first bytes.</summary>
public enum ImageFormat
{
    /// <summary>Any other; only a decoder can tell.</summary>
    Other,
    Jpeg,
    Png,
    WebP,
    Gif,
}

/// <summary>Format and size from an image's header.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
internal readonly record struct HeaderFacts(ImageFormat Format, uint Width, uint Height)
{
    /// <summary>True if training accepts images of this size.</summary>
    public bool IsAccepted => Width > 0 && Height > 0 && (ulong)Width * Height <= PixelBuffer.MaxPixels;
}

/// <summary>Reads format and size of an image without decoding it. A negative answer only means that a decoder has to decide.</summary>
internal static class ImageHeader
{
    private const byte Fill = 0xFF,
        StartOfScan = 0xDA;

    /// <summary>True if an image has an accepted size and ends as its format requires.</summary>
    public static bool LooksWhole(ReadOnlySpan<byte> image) =>
        Read(image) is { IsAccepted: true } facts
        && facts.Format switch
        {
            ImageFormat.Jpeg => image is [.., 0xFF, 0xD9],
            ImageFormat.Png => image.Length >= 45 && image[^8..^4].SequenceEqual("IEND"u8),
            ImageFormat.WebP => BinaryPrimitives.ReadUInt32LittleEndian(image[4..]) + 8L == image.Length,
            _ => image is [.., 0x3B] && image.Length > 13,
        };

    /// <summary>Format and size; null if the header does not tell.</summary>
    public static HeaderFacts? Read(ReadOnlySpan<byte> image) =>
        image switch
        {
            [0xFF, 0xD8, ..] => Jpeg(image),
            [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Png(image),
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => WebP(image),
            [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', _, _, _, _, ..] => new HeaderFacts(
                ImageFormat.Gif,
                BinaryPrimitives.ReadUInt16LittleEndian(image[6..]),
                BinaryPrimitives.ReadUInt16LittleEndian(image[8..])
            ),
            _ => null,
        };

    /// <summary>The frame header (SOF0 to SOF2: baseline, extended, progressive) before the first scan; ITU T.81, annex B.</summary>
    private static HeaderFacts? Jpeg(ReadOnlySpan<byte> image)
    {
        var i = 2;
        while (i + 9 <= image.Length)
        {
            if (image[i] != Fill)
            {
                return null;
            }

            var marker = image[i + 1];
            if (marker == Fill)
            {
                i++;
                continue;
            }

            if (marker is >= 0xC0 and <= 0xC2)
            {
                return new HeaderFacts(
                    ImageFormat.Jpeg,
                    BinaryPrimitives.ReadUInt16BigEndian(image[(i + 7)..]),
                    BinaryPrimitives.ReadUInt16BigEndian(image[(i + 5)..])
                );
            }

            if (marker is StartOfScan or < 0xC0 or (>= 0xD0 and <= 0xD9))
            {
                return null;
            }

            i += 2 + BinaryPrimitives.ReadUInt16BigEndian(image[(i + 2)..]);
        }

        return null;
    }

    /// <summary>IHDR comes first.</summary>
    private static HeaderFacts? Png(ReadOnlySpan<byte> image) =>
        image.Length >= 24 && image[12..16].SequenceEqual("IHDR"u8)
            ? new HeaderFacts(
                ImageFormat.Png,
                BinaryPrimitives.ReadUInt32BigEndian(image[16..]),
                BinaryPrimitives.ReadUInt32BigEndian(image[20..])
            )
            : null;

    /// <summary>The size is in the first chunk, of which there are three kinds (RFC 9649).</summary>
    private static HeaderFacts? WebP(ReadOnlySpan<byte> image)
    {
        if (image.Length < 30)
        {
            return null;
        }

        var chunk = image[12..16];
        if (chunk.SequenceEqual("VP8X"u8))
        {
            return new HeaderFacts(ImageFormat.WebP, 1 + UInt24(image[24..]), 1 + UInt24(image[27..]));
        }

        if (chunk.SequenceEqual("VP8L"u8) && BinaryPrimitives.ReadUInt32LittleEndian(image[21..]) is var bits)
        {
            return new HeaderFacts(ImageFormat.WebP, 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF));
        }

        return chunk.SequenceEqual("VP8 "u8)
            ? new HeaderFacts(
                ImageFormat.WebP,
                BinaryPrimitives.ReadUInt16LittleEndian(image[26..]) & 0x3FFFu,
                BinaryPrimitives.ReadUInt16LittleEndian(image[28..]) & 0x3FFFu
            )
            : null;
    }

    private static uint UInt24(ReadOnlySpan<byte> bytes) => (uint)(bytes[0] | (bytes[1] << 8) | (bytes[2] << 16));
}
