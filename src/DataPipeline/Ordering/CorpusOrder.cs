namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// The endless streams of one corpus's partitions: a pure function of its row groups, the seed and the schedule. In each
/// epoch, which holds every sample exactly once, the row groups are shuffled and laid out one behind the other, and each
/// partition takes a contiguous part of them, of as many samples as the schedule has positions for it in the epoch. It takes
/// its row groups one after the other, the samples of each shuffled. Any place is reached at once. Thread-safe.
/// </summary>
internal sealed class CorpusOrder
{
    private readonly IReadOnlyList<int> _rowGroupRows;
    private readonly long[] _groupStarts;
    private readonly ulong _seed;
    private readonly PartitionSchedule _schedule;
    private readonly int _corpus,
        _firstPartition;

    // The last ones computed: steps are mostly read in sequence, and partitions pass from an epoch to the next nearly together.
    private readonly EpochOrder?[] _epochs = new EpochOrder?[2];
    private readonly Stretch?[] _stretches;

    /// <param name="rowGroupRows">Rows of each row group of the corpus, in order.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="schedule">What positions of the stream the corpus's partitions have.</param>
    /// <param name="corpus">Number of the corpus in the schedule.</param>
    public CorpusOrder(IReadOnlyList<int> rowGroupRows, ulong seed, PartitionSchedule schedule, int corpus)
    {
        (_rowGroupRows, _seed, _schedule, _corpus) = (rowGroupRows, seed, schedule, corpus);
        _groupStarts = Starts(rowGroupRows.Count, group => rowGroupRows[group]);
        SampleCount = _groupStarts[^1];
        var partitions = schedule.PartitionsOf(corpus);
        _firstPartition = partitions.Start.Value;
        _stretches = new Stretch?[partitions.End.Value - _firstPartition];
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

    /// <summary>The stretch that holds a place of a partition's stream.</summary>
    public Stretch At(int partition, long place)
    {
        ref var cached = ref _stretches[partition - _firstPartition];
        var stretch = Volatile.Read(ref cached);
        if (stretch is null || !stretch.Holds(partition, place))
            Volatile.Write(ref cached, stretch = Compute(partition, place));
        return stretch;
    }

    /// <summary>The row groups that a partition takes samples of in an epoch.</summary>
    public ReadOnlySpan<int> RowGroupsOf(int partition, long epoch)
    {
        var order = Epoch(epoch);
        var part = order.Parts[partition - _firstPartition];
        if (part.End == part.Start)
            return [];
        var first = LastNotAbove(order.GroupStarts, part.Start);
        return order.Groups.AsSpan(first..(LastNotAbove(order.GroupStarts, part.End - 1) + 1));
    }

    private Stretch Compute(int partition, long place)
    {
        var epoch = Epoch(_schedule.CountOfCorpus(_corpus, _schedule.PositionOf(partition, place)) / SampleCount);
        var part = epoch.Parts[partition - _firstPartition];
        var laidOut = part.Start + (place - part.FirstPlace);
        var turn = LastNotAbove(epoch.GroupStarts, laidOut);
        var group = epoch.Groups[turn];
        var from = Math.Max(part.Start, epoch.GroupStarts[turn]);
        var to = Math.Min(part.End, epoch.GroupStarts[turn + 1]);
        var samples = new long[_rowGroupRows[group]];
        for (var row = 0; row < samples.Length; row++)
            samples[row] = _groupStarts[group] + row;
        // All of a row group is shuffled before partitions share it, so that no sample prefers one of them.
        Shuffle(samples, RandomStreams.Of(RandomPurpose.RowGroupOrder, _seed, epoch.Number, group));
        var held = samples[(int)(from - epoch.GroupStarts[turn])..(int)(to - epoch.GroupStarts[turn])];
        return new Stretch(partition, epoch.Number, part.FirstPlace + (from - part.Start), group, held);
    }

    private EpochOrder Epoch(long number)
    {
        ref var cached = ref _epochs[number % 2];
        var epoch = Volatile.Read(ref cached);
        if (epoch is null || epoch.Number != number)
            Volatile.Write(ref cached, epoch = ComputeEpoch(number));
        return epoch;
    }

    private EpochOrder ComputeEpoch(long number)
    {
        var groups = new int[_rowGroupRows.Count];
        for (var i = 0; i < groups.Length; i++)
            groups[i] = i;
        Shuffle(groups, RandomStreams.Of(RandomPurpose.EpochOrder, _seed, number));
        var (begin, end) = (
            _schedule.PositionOfCorpus(_corpus, number * SampleCount),
            _schedule.PositionOfCorpus(_corpus, (number + 1) * SampleCount)
        );
        var parts = new EpochPart[_stretches.Length];
        long start = 0;
        for (var i = 0; i < parts.Length; i++)
        {
            var first = _schedule.CountOf(_firstPartition + i, begin);
            var count = _schedule.CountOf(_firstPartition + i, end) - first;
            parts[i] = new EpochPart(first, start, start + count);
            start += count;
        }

        return new EpochOrder(number, groups, Starts(groups.Length, turn => _rowGroupRows[groups[turn]]), parts);
    }

    /// <summary>Fisher and Yates's shuffle (Durstenfeld's form).</summary>
    private static void Shuffle<T>(T[] items, CounterRandom random)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = random.NextInt64(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static long[] Starts(int count, Func<int, int> rows)
    {
        var starts = new long[count + 1];
        for (var i = 0; i < count; i++)
            starts[i + 1] = starts[i] + rows(i);
        return starts;
    }

    // Of equal starts, those of empty groups, the last one holds the value.
    private static int LastNotAbove(long[] starts, long value)
    {
        int low = 0,
            high = starts.Length - 2;
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

    /// <summary>What a partition has of an epoch.</summary>
    /// <param name="FirstPlace">The first place in the partition's stream.</param>
    /// <param name="Start">Where its part of the laid out row groups begins, in samples.</param>
    /// <param name="End">Where that ends.</param>
    private readonly record struct EpochPart(long FirstPlace, long Start, long End);

    /// <param name="Number">From 0.</param>
    /// <param name="Groups">The row groups as they are laid out.</param>
    /// <param name="GroupStarts">Where each of these begins, in samples.</param>
    /// <param name="Parts">What the partitions have of them.</param>
    private sealed record EpochOrder(long Number, int[] Groups, long[] GroupStarts, EpochPart[] Parts);
}
