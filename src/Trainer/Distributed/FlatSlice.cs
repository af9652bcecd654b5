namespace ClipTrain.Trainer.Distributed;

/// <summary>A stretch of a flat buffer.</summary>
public readonly record struct FlatSlice(long Offset, long Length)
{
    /// <summary>Slices begin at multiples of this, as parameters do.</summary>
    private const long Alignment = 16;

    public long End => Offset + Length;

    /// <summary>Length of every rank's slice of a buffer but the last ones', which are shorter or empty where it does not divide.</summary>
    public static long LengthFor(long elements, int worldSize) => (elements + (Alignment * worldSize) - 1) / (Alignment * worldSize) * Alignment;

    /// <summary>A rank's slice of a buffer. The ranks' slices are the buffer, in order.</summary>
    public static FlatSlice Of(long elements, int rank, int worldSize)
    {
        var length = LengthFor(elements, worldSize);
        var offset = Math.Min(rank * length, elements);
        return new FlatSlice(offset, Math.Min(length, elements - offset));
    }

    /// <summary>What both have in common; of length 0 when that is nothing.</summary>
    public FlatSlice Intersect(FlatSlice other)
    {
        var offset = Math.Max(Offset, other.Offset);
        return new FlatSlice(offset, Math.Max(0, Math.Min(End, other.End) - offset));
    }
}
