using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Fuzz;

/// <summary>
/// Damages a file with one to eight of the changes that expose bugs in parsers. They are drawn from a seeded generator, so a number
/// always names the same file.
/// </summary>
internal static class Mutation
{
    private const int MaxChanges = 8,
        MaxPiece = 256,
        MaxGrowth = 1 << 16;

    /// <summary>Boundary values at which arithmetic on lengths, counts and sizes goes wrong.</summary>
    private static readonly uint[] Extremes = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF];

    /// <param name="file">The file; not modified.</param>
    /// <param name="other">Another file, from which a piece may be copied.</param>
    /// <param name="random">Source of all choices.</param>
    public static byte[] Of(byte[] file, byte[] other, ref CounterRandom random)
    {
        var bytes = (byte[])file.Clone();
        var changes = 1 + random.NextInt64(MaxChanges);
        for (var i = 0; i < changes && bytes.Length > 0; i++)
        {
            bytes = Change(bytes, other, ref random);
        }

        return bytes;
    }

    private static byte[] Change(byte[] bytes, byte[] other, ref CounterRandom random)
    {
        var at = (int)random.NextInt64(bytes.Length);
        var length = (int)Math.Min(1 + random.NextInt64(MaxPiece), bytes.Length - at);
        switch (random.NextInt64(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << (int)random.NextInt64(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.NextUInt32();
                return bytes;
            case 2:
                return WriteExtreme(bytes, at, ref random);
            case 3:
                bytes.AsSpan(at, length).Fill((byte)(random.NextInt64(2) * 0xFF));
                return bytes;
            case 4:
                for (var i = at; i < at + length; i++)
                {
                    bytes[i] = (byte)random.NextUInt32();
                }

                return bytes;
            case 5:
                return bytes[..at];
            case 6:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 7 when bytes.Length < MaxGrowth:
                return [.. bytes[..(at + length)], .. bytes[at..]];
            default:
                var from = (int)random.NextInt64(other.Length);
                var piece = other.AsSpan(from, Math.Min(length, other.Length - from));
                piece[..Math.Min(piece.Length, bytes.Length - at)].CopyTo(bytes.AsSpan(at));
                return bytes;
        }
    }

    private static byte[] WriteExtreme(byte[] bytes, int at, ref CounterRandom random)
    {
        var value = Extremes[random.NextInt64(Extremes.Length)];
        var (width, bigEndian) = ((int)(1 << (int)random.NextInt64(3)), random.NextInt64(2) == 0);
        for (var i = 0; i < width && at + i < bytes.Length; i++)
        {
            bytes[at + i] = (byte)(value >> (8 * (bigEndian ? width - 1 - i : i)));
        }

        return bytes;
    }
}
