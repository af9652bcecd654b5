namespace ClipTrain.Coordinator.Protocol;

/// <summary>
/// One rank's part of the data in a generation. A global batch is divided into lanes, a rank takes a contiguous part of every batch, and
/// its lanes determine which row groups of each epoch it reads.
/// </summary>
/// <remarks>
/// Every worker can compute the order of samples, so a shard only names the row groups as a set. Sorted ranges are compact in both
/// extremes: one range per file for a single worker, about rowGroups / worldSize entries for many. Their digest does not depend on the
/// order of computation. Slices and lanes apply to the whole generation, row groups to one epoch of a corpus; the current epochs are
/// listed.
/// </remarks>
/// <param name="FirstLane">The rank's first lane.</param>
/// <param name="Lanes">Number of lanes. With more ranks than lanes, ranks share lanes.</param>
/// <param name="BatchStart">Start of the rank's part of a global batch, in samples.</param>
/// <param name="BatchCount">Size of the rank's part of a global batch, in samples.</param>
/// <param name="Epochs">The row groups to read, by corpus and epoch.</param>
public sealed record Shard(int FirstLane, int Lanes, int BatchStart, int BatchCount, IReadOnlyList<ShardEpoch> Epochs)
{
    /// <summary>64-bit digest that identifies the shard in the ledger. Equal shards have equal digests in every version.</summary>
    public ulong Digest()
    {
        var digest = Mix(Mix(Mix(Mix(0, FirstLane), Lanes), BatchStart), BatchCount);
        foreach (var epoch in Epochs)
        {
            digest = Mix(Mix(Mix(digest, epoch.Corpus), epoch.Epoch), epoch.RowGroups.Count);
            foreach (var (file, first, count) in epoch.RowGroups)
            {
                digest = Mix(Mix(Mix(digest, file), first), count);
            }
        }

        return digest;
    }

    /// <summary>The finaliser of SplitMix64 (Steele et al., OOPSLA 2014) applied to the digest so far and the next number.</summary>
    private static ulong Mix(ulong digest, long value)
    {
        var x = (digest * 31) + (ulong)value + 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}

/// <summary>The row groups of one epoch of one corpus that a rank reads.</summary>
/// <param name="Corpus">Number of the corpus in the mixture, from 0.</param>
/// <param name="Epoch">From 0.</param>
/// <param name="RowGroups">Sorted, without overlaps, neighbours merged: <see cref="RowGroupRange.Merge"/>.</param>
public sealed record ShardEpoch(int Corpus, long Epoch, IReadOnlyList<RowGroupRange> RowGroups)
{
    public bool Holds(int file, int rowGroup)
    {
        var (low, high) = (0, RowGroups.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            var range = RowGroups[middle];
            if (range.File < file || (range.File == file && range.First + range.Count <= rowGroup))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < RowGroups.Count && RowGroups[low].File == file && RowGroups[low].First <= rowGroup;
    }
}

/// <summary>Neighbouring row groups of one file of a corpus.</summary>
/// <param name="File">Number of the file in the manifest, from 0.</param>
/// <param name="First">The first row group, from 0.</param>
public readonly record struct RowGroupRange(int File, int First, int Count)
{
    /// <summary>The ranges of a set of row groups, in their canonical form.</summary>
    /// <param name="rowGroups">In any order; duplicates count once.</param>
    public static IReadOnlyList<RowGroupRange> Merge(IEnumerable<(int File, int RowGroup)> rowGroups)
    {
        var ranges = new List<RowGroupRange>();
        foreach (var (file, rowGroup) in rowGroups.Distinct().Order())
        {
            if (ranges.Count > 0 && ranges[^1] is var last && last.File == file && last.First + last.Count == rowGroup)
            {
                ranges[^1] = last with { Count = last.Count + 1 };
            }
            else
            {
                ranges.Add(new RowGroupRange(file, rowGroup, 1));
            }
        }

        return ranges;
    }
}
