using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Which rows of a corpus are looked at: all, or some drawn by chance.</summary>
public sealed class RowChoice
{
    /// <summary>A row group is read whole whatever is wanted of it, so that a sample comes from this many at most.</summary>
    public const int MaxSampledGroups = 256;

    private RowChoice(IReadOnlyList<(int Group, bool[]? Rows)> groups, long count) => (Groups, Count) = (groups, count);

    /// <summary>Rows chosen.</summary>
    public long Count { get; }

    /// <summary>The groups to read in their order, each with its wanted samples; null wants all.</summary>
    internal IReadOnlyList<(int Group, bool[]? Rows)> Groups { get; }

    /// <summary>Every row.</summary>
    public static RowChoice All(CorpusManifest manifest) =>
        new([.. Enumerable.Range(0, manifest.GroupRows.Count).Select(group => (group, (bool[]?)null))], manifest.SampleCount);

    /// <summary>
    /// Rows drawn without replacement, uniformly over groups of rows that are drawn before; every row when there are no more.
    /// </summary>
    public static RowChoice Sample(CorpusManifest manifest, long count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var random = RandomStreams.Of(RandomPurpose.Inspection, seed, time: 0);
        var groups = Distinct(Math.Min(MaxSampledGroups, manifest.GroupRows.Count), manifest.GroupRows.Count, ref random)
            .Select(group => (int)group)
            .ToArray();
        var rows = groups.Sum(group => (long)manifest.GroupRows[group]);
        var chosen = new List<(int, bool[]?)>();
        long start = 0;
        using var positions = Distinct(Math.Min(count, rows), rows, ref random).GetEnumerator();
        var left = positions.MoveNext();
        foreach (var group in groups)
        {
            var wanted = new bool[manifest.GroupRows[group]];
            for (; left && positions.Current < start + wanted.Length; left = positions.MoveNext())
                wanted[positions.Current - start] = true;
            start += wanted.Length;
            if (wanted.Contains(true))
                chosen.Add((group, wanted));
        }

        return new RowChoice(chosen, Math.Min(count, rows));
    }

    /// <summary>So many different numbers below a bound, rising (Floyd's algorithm; Bentley 1987).</summary>
    private static SortedSet<long> Distinct(long count, long bound, ref CounterRandom random)
    {
        var drawn = new SortedSet<long>();
        for (var top = bound - count; top < bound; top++)
        {
            if (!drawn.Add(random.NextInt64(top + 1)))
                drawn.Add(top);
        }

        return drawn;
    }
}
