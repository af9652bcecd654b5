namespace ClipTrain.DataPipeline.Ordering;

/// <summary>A sample's turn: which pass over the corpus, and which sample, counted over the whole corpus.</summary>
public readonly record struct SampleRef(long Epoch, long Index);

/// <summary>
/// The order of samples, a pure function of seed, epoch and the corpus' row groups. An epoch is a permutation of all
/// samples: row groups are shuffled and cut into windows, and the samples of a window are shuffled among themselves, so
/// that reading stays sequential within a bounded set of row groups.
/// </summary>
/// <remarks>
/// Positions count on through epochs: global batch s is positions [s·B, (s+1)·B), whatever the number of workers. A batch
/// may hold the end of one epoch and the beginning of the next; nothing is dropped, and every sample occurs exactly once
/// an epoch. Any position can be asked for at once: the state of the data is the number of the step. Not thread-safe.
/// </remarks>
public sealed class SampleOrder
{
    /// <summary>Keeps the generator of group orders apart from those of windows.</summary>
    private const ulong GroupPurpose = ulong.MaxValue;

    private readonly int[] _rows;
    private readonly long[] _firstIndex;
    private readonly ulong _seed;
    private Epoch? _epoch;
    private Window? _window;

    /// <param name="rowGroupRows">Rows of every row group, in the corpus' order.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="windowGroups">Row groups that are shuffled together.</param>
    public SampleOrder(IReadOnlyList<int> rowGroupRows, ulong seed, int windowGroups)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowGroups);
        _rows = [.. rowGroupRows];
        (_seed, WindowGroups) = (seed, windowGroups);
        _firstIndex = new long[_rows.Length + 1];
        for (var group = 0; group < _rows.Length; group++)
            _firstIndex[group + 1] = _firstIndex[group] + _rows[group];
        if (SampleCount == 0)
            throw new ArgumentException("The corpus has no rows.", nameof(rowGroupRows));
    }

    /// <summary>Row groups that are shuffled together.</summary>
    public int WindowGroups { get; }

    /// <summary>Samples in an epoch.</summary>
    public long SampleCount => _firstIndex[^1];

    /// <summary>The part of a global batch that a rank takes; the first ranks take what does not divide evenly.</summary>
    public static (int Start, int Count) LocalSlice(int globalBatch, int rank, int worldSize)
    {
        var (share, rest) = Math.DivRem(globalBatch, worldSize);
        return ((rank * share) + Math.Min(rank, rest), share + (rank < rest ? 1 : 0));
    }

    /// <summary>The row group that holds a sample, and the sample's row in it.</summary>
    public (int Group, int Row) Locate(long index)
    {
        var found = Array.BinarySearch(_firstIndex, index);
        var group = found >= 0 ? found : ~found - 1;
        // An empty row group begins where the next one does.
        while (_rows[group] == 0)
            group++;
        return (group, (int)(index - _firstIndex[group]));
    }

    /// <summary>Fills in the samples of global batch <paramref name="step"/>, whose size is the span's length.</summary>
    public void GlobalBatch(long step, Span<SampleRef> batch)
    {
        var position = step * batch.Length;
        for (var i = 0; i < batch.Length; i++)
            batch[i] = At(position + i);
    }

    private SampleRef At(long position)
    {
        var (epoch, offset) = Math.DivRem(position, SampleCount);
        if (_epoch?.Number != epoch)
            (_epoch, _window) = (ShuffleGroups(epoch), null);
        if (_window is null || offset < _window.Start || offset >= _window.Start + _window.Samples.Length)
            _window = ShuffleWindow(_epoch, offset);
        return new SampleRef(epoch, _window.Samples[offset - _window.Start]);
    }

    private Epoch ShuffleGroups(long epoch)
    {
        int[] groups = [.. Enumerable.Range(0, _rows.Length)];
        var random = new CounterRandom(_seed, (ulong)epoch, GroupPurpose);
        Shuffle(groups, ref random);
        long[] starts = new long[((groups.Length + WindowGroups - 1) / WindowGroups) + 1];
        for (var i = 0; i < groups.Length; i++)
            starts[(i / WindowGroups) + 1] += _rows[groups[i]];
        for (var i = 1; i < starts.Length; i++)
            starts[i] += starts[i - 1];
        return new Epoch(epoch, groups, starts);
    }

    private Window ShuffleWindow(Epoch epoch, long offset)
    {
        var window = 0;
        while (epoch.WindowStarts[window + 1] <= offset)
            window++;
        var samples = new long[epoch.WindowStarts[window + 1] - epoch.WindowStarts[window]];
        var filled = 0;
        foreach (var group in epoch.Groups.AsSpan(window * WindowGroups, Math.Min(WindowGroups, epoch.Groups.Length - (window * WindowGroups))))
        {
            for (var row = 0; row < _rows[group]; row++)
                samples[filled++] = _firstIndex[group] + row;
        }

        // Windows are counted down from the groups' purpose, samples of augmentation up from 0: the keys never meet.
        var random = new CounterRandom(_seed, (ulong)epoch.Number, GroupPurpose - 1 - (ulong)window);
        Shuffle(samples, ref random);
        return new Window(epoch.WindowStarts[window], samples);
    }

    /// <summary>Fisher and Yates.</summary>
    private static void Shuffle<T>(T[] items, ref CounterRandom random)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = random.NextInt64(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private sealed record Epoch(long Number, int[] Groups, long[] WindowStarts);

    private sealed record Window(long Start, long[] Samples);
}
