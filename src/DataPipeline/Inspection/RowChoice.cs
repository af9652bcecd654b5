using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>The rows of a corpus to examine: all, or a random sample.</summary>
public sealed class RowChoice
{
    /// <summary>Largest number of row groups in a sample: each is read whole, however few of its rows are wanted.</summary>
    public const int MaxSampledRowGroups = 256;

    private RowChoice(IReadOnlyList<(int RowGroup, bool[]? Rows)> rowGroups, long count) => (RowGroups, Count) = (rowGroups, count);

    /// <summary>Number of rows chosen.</summary>
    public long Count { get; }

    /// <summary>The row groups to read, in order, each with a mask of its samples; null for all.</summary>
    internal IReadOnlyList<(int RowGroup, bool[]? Rows)> RowGroups { get; }

    /// <summary>All rows.</summary>
    public static RowChoice All(CorpusManifest manifest) =>
        new([.. Enumerable.Range(0, manifest.RowGroupRows.Count).Select(rowGroup => (rowGroup, (bool[]?)null))], manifest.SampleCount);

    /// <summary>Rows drawn without replacement, uniformly over randomly drawn row groups; all rows if there are no more.</summary>
    public static RowChoice Sample(CorpusManifest manifest, long count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var random = RandomStreams.Of(RandomPurpose.Inspection, seed, time: 0);
        var rowGroups = Distinct(Math.Min(MaxSampledRowGroups, manifest.RowGroupRows.Count), manifest.RowGroupRows.Count, ref random)
            .Select(rowGroup => (int)rowGroup)
            .ToArray();
        var rows = rowGroups.Sum(rowGroup => (long)manifest.RowGroupRows[rowGroup]);
        var chosen = new List<(int, bool[]?)>();
        long start = 0;
        using var positions = Distinct(Math.Min(count, rows), rows, ref random).GetEnumerator();
        var left = positions.MoveNext();
        foreach (var rowGroup in rowGroups)
        {
            var wanted = new bool[manifest.RowGroupRows[rowGroup]];
            for (; left && positions.Current < start + wanted.Length; left = positions.MoveNext())
            {
                wanted[positions.Current - start] = true;
            }

            start += wanted.Length;
            if (wanted.Contains(true))
            {
                chosen.Add((rowGroup, wanted));
            }
        }

        return new RowChoice(chosen, Math.Min(count, rows));
    }

    /// <summary>A number of distinct integers below a bound, ascending (Floyd's algorithm; Bentley 1987).</summary>
    private static SortedSet<long> Distinct(long count, long bound, ref CounterRandom random)
    {
        var drawn = new SortedSet<long>();
        for (var top = bound - count; top < bound; top++)
        {
            if (!drawn.Add(random.NextInt64(top + 1)))
            {
                drawn.Add(top);
            }
        }

        return drawn;
    }
}
