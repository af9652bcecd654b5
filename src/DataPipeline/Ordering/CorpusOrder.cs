namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// The endless stream of one corpus's samples: a pure function of its row groups, the seed and the window. Each epoch holds
/// every sample exactly once: row groups are shuffled, cut into windows, and the samples of a window are shuffled together.
/// Any position is reached at once. Thread-safe.
/// </summary>
internal sealed class CorpusOrder
{
    // Purposes of randomness within an epoch. Augmentation uses the sample's index, which never has the top bit.
    private const ulong GroupPurpose = ulong.MaxValue, WindowPurpose = 1UL << 63;

    private readonly IReadOnlyList<int> _rowGroupRows;
    private readonly long[] _groupStarts;
    private readonly ulong _seed;
    private readonly int _windowGroups;

    // The last ones computed: steps are mostly read in sequence.
    private volatile EpochOrder? _epoch;
    private volatile StreamWindow? _window;

    /// <param name="rowGroupRows">Rows of each row group of the corpus, in order.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="windowGroups">Row groups that are shuffled together.</param>
    public CorpusOrder(IReadOnlyList<int> rowGroupRows, ulong seed, int windowGroups)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowGroups);
        (_rowGroupRows, _seed, _windowGroups) = (rowGroupRows, seed, windowGroups);
        _groupStarts = Starts(rowGroupRows);
        SampleCount = _groupStarts[^1];
        if (SampleCount == 0)
            throw new ArgumentException("there are no samples to order", nameof(rowGroupRows));
    }

    /// <summary>Samples of an epoch.</summary>
    public long SampleCount { get; }

    /// <summary>The row group that a sample lies in.</summary>
    public int RowGroupOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SampleCount);
        return LastNotAbove(_groupStarts, index);
    }

    /// <summary>The window that a position of the stream lies in.</summary>
    public StreamWindow Window(long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        var window = _window;
        if (window is null || position < window.Start || position >= window.End)
            _window = window = ComputeWindow(position);
        return window;
    }

    private StreamWindow ComputeWindow(long position)
    {
        var (epochNumber, inEpoch) = Math.DivRem(position, SampleCount);
        var epoch = _epoch;
        if (epoch is null || epoch.Number != epochNumber)
            _epoch = epoch = ComputeEpoch(epochNumber);

        var number = LastNotAbove(epoch.WindowStarts, inEpoch);
        var first = number * _windowGroups;
        var groups = epoch.Groups.AsSpan(first, Math.Min(_windowGroups, epoch.Groups.Length - first)).ToArray();
        var samples = new long[epoch.WindowStarts[number + 1] - epoch.WindowStarts[number]];
        var next = 0;
        foreach (var group in groups)
        {
            for (var row = 0; row < _rowGroupRows[group]; row++)
                samples[next++] = _groupStarts[group] + row;
        }

        Shuffle(samples, WindowPurpose | (uint)number, epochNumber);
        return new StreamWindow(epochNumber, (epochNumber * SampleCount) + epoch.WindowStarts[number], groups, samples);
    }

    private EpochOrder ComputeEpoch(long number)
    {
        var groups = new int[_rowGroupRows.Count];
        for (var i = 0; i < groups.Length; i++)
            groups[i] = i;
        Shuffle(groups, GroupPurpose, number);
        var windowRows = groups.Chunk(_windowGroups).Select(window => window.Sum(g => (long)_rowGroupRows[g]));
        return new EpochOrder(number, groups, Starts([.. windowRows]));
    }

    /// <summary>Fisher and Yates's shuffle (Durstenfeld's form).</summary>
    private void Shuffle<T>(T[] items, ulong purpose, long epoch)
    {
        var random = new CounterRandom(_seed, (ulong)epoch, purpose);
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = random.NextInt64(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static long[] Starts(IReadOnlyList<int> counts) => Starts([.. counts.Select(c => (long)c)]);

    private static long[] Starts(long[] counts)
    {
        var starts = new long[counts.Length + 1];
        for (var i = 0; i < counts.Length; i++)
            starts[i + 1] = starts[i] + counts[i];
        return starts;
    }

    // Of equal starts, those of empty groups, the last one holds the value.
    private static int LastNotAbove(long[] starts, long value)
    {
        int low = 0, high = starts.Length - 2;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            if (starts[middle] <= value)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    private sealed record EpochOrder(long Number, int[] Groups, long[] WindowStarts);
}
