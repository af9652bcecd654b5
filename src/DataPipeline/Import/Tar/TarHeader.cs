using System.Text;

namespace ClipTrain.DataPipeline.Import.Tar;

/// <summary>The 512-byte header of a member of a tar archive (POSIX.1-1988 ustar, GNU and the older V7 format).</summary>
/// <param name="Name">The member's path.</param>
/// <param name="Size">Size of its contents in bytes.</param>
/// <param name="Type">The type flag.</param>
internal readonly record struct TarHeader(string Name, long Size, char Type)
{
    public const int Bytes = 512;

    private const int ChecksumOffset = 148,
        ChecksumBytes = 8;

    public bool IsFile => Type is '0' or '\0' or '7';

    /// <summary>Parses a block that is not all zeros; null if it is not a header.</summary>
    public static TarHeader? Parse(ReadOnlySpan<byte> block)
    {
        if (
            Number(block.Slice(ChecksumOffset, ChecksumBytes)) is not { } checksum
            || checksum != Sum(block)
            || Number(block.Slice(124, 12)) is not { } size
        )
        {
            return null;
        }

        var name = Text(block[..100]);
        var prefix = block.Slice(257, 6).SequenceEqual("ustar\0"u8) ? Text(block.Slice(345, 155)) : "";
        return new TarHeader(prefix.Length > 0 ? $"{prefix}/{name}" : name, size, (char)block[156]);
    }

    /// <summary>Text up to a NUL.</summary>
    public static string Text(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    /// <summary>
    /// Octal digits, or GNU's big-endian binary, marked by the highest bit; null for anything else and for negative numbers.
    /// </summary>
    private static long? Number(ReadOnlySpan<byte> field)
    {
        long value = 0;
        if (field[0] == 0x80)
        {
            foreach (var b in field[1..])
            {
                if (value >= 1L << 54)
                {
                    return null;
                }

                value = (value << 8) | b;
            }

            return value;
        }

        foreach (var b in field.Trim(" \0"u8))
        {
            if (b is < (byte)'0' or > (byte)'7')
            {
                return null;
            }

            value = (value << 3) | (uint)(b - '0');
        }

        return value;
    }

    /// <summary>The sum of the block's bytes, with those of the checksum itself counted as spaces.</summary>
    private static long Sum(ReadOnlySpan<byte> block)
    {
        long sum = ChecksumBytes * ' ';
        for (var i = 0; i < block.Length; i++)
        {
            if (i is < ChecksumOffset or >= ChecksumOffset + ChecksumBytes)
            {
                sum += block[i];
            }
        }

        return sum;
    }
}
