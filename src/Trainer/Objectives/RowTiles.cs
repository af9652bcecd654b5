namespace ClipTrain.Trainer.Objectives;

/// <summary>Where a rank's rows of a matrix lie, and how they are cut so that only a part of it is held at once.</summary>
internal static class RowTiles
{
    public static IEnumerable<(long Start, long Rows)> Of(long rows, int tileRows)
    {
        for (long start = 0; start < rows; start += tileRows)
            yield return (start, Math.Min(tileRows, rows - start));
    }

    /// <summary>Pairs of all ranks, and of those before a rank.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static (long Total, long First) Place(ReadOnlySpan<long> counts, int rank)
    {
        long total = 0,
            first = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            first += i < rank ? counts[i] : 0;
            total += counts[i];
        }

        return total > 0 ? (total, first) : throw new ArgumentException("The global batch has no usable pair.", nameof(counts));
    }
}
