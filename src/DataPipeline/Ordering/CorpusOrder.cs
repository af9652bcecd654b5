namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// The endless sample streams of one corpus's partitions: a pure function of its row groups, the seed and the schedule. An epoch holds
/// every sample exactly once: its row groups are shuffled and laid end to end, and each partition takes a contiguous part with as many
/// samples as the schedule gives it positions in the epoch. A partition reads its row groups in order, the samples of each shuffled.
/// Random access. Thread-safe.
/// </summary>
internal sealed class CorpusOrder
{
    private readonly IReadOnlyList<int> _rowGroupRows;
    private readonly long[] _groupStarts;
    private readonly ulong _seed;
    private readonly PartitionSchedule _schedule;
    private readonly int _corpus,
        _firstPartition;

    // The latest results: steps are mostly read in sequence, and all partitions enter the next epoch at nearly the same step.
    private readonly EpochOrder?[] _epochs = new EpochOrder?[2];
    private readonly Stretch?[] _stretches;

    /// <param name="rowGroupRows">Rows of each row group of the corpus, in order.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="schedule">Assignment of stream positions to the corpus's partitions.</param>
    /// <param name="corpus">Index of the corpus in the schedule.</param>
    public CorpusOrder(IReadOnlyList<int> rowGroupRows, ulong seed, PartitionSchedule schedule, int corpus)
    {
        (_rowGroupRows, _seed, _schedule, _corpus) = (rowGroupRows, seed, schedule, corpus);
        _groupStarts = Starts(rowGroupRows.Count, group => rowGroupRows[group]);
        SampleCount = _groupStarts[^1];
        var partitions = schedule.PartitionsOf(corpus);
        _firstPartition = partitions.Start.Value;
        _stretches = new Stretch?[partitions.End.Value - _firstPartition];
    }

    /// <summary>Number of samples in an epoch.</summary>
    public long SampleCount { get; }

    /// <summary>The row group that contains a sample.</summary>
    public int RowGroupOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SampleCount);
        return LastNotAbove(_groupStarts, index);
    }

    /// <summary>The stretch that contains a place of a partition's stream.</summary>
    public Stretch At(int partition, long place)
    {
        ref var cached = ref _stretches[partition - _firstPartition];
        var stretch = Volatile.Read(ref cached);
        if (stretch is null || !stretch.Holds(partition, place))
        {
            Volatile.Write(ref cached, stretch = Compute(partition, place));
        }

        return stretch;
    }

    /// <summary>The row groups that a partition reads in an epoch.</summary>
    public ReadOnlySpan<int> RowGroupsOf(int partition, long epoch)
    {
        var order = Epoch(epoch);
        var part = order.Parts[partition - _firstPartition];
        if (part.End == part.Start)
        {
            return [];
        }

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
        {
            samples[row] = _groupStarts[group] + row;
        }
        // The whole row group is shuffled before partitions divide it, so that no sample is tied to a partition.
        RandomStreams.Of(RandomPurpose.RowGroupOrder, _seed, epoch.Number, group).Shuffle(samples.AsSpan());
        var held = samples[(int)(from - epoch.GroupStarts[turn])..(int)(to - epoch.GroupStarts[turn])];
        return new Stretch(partition, epoch.Number, part.FirstPlace + (from - part.Start), group, held);
    }

    private EpochOrder Epoch(long number)
    {
        ref var cached = ref _epochs[number % 2];
        var epoch = Volatile.Read(ref cached);
        if (epoch is null || epoch.Number != number)
        {
            Volatile.Write(ref cached, epoch = ComputeEpoch(number));
        }

        return epoch;
    }

    private EpochOrder ComputeEpoch(long number)
    {
        var groups = new int[_rowGroupRows.Count];
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = i;
        }

        RandomStreams.Of(RandomPurpose.EpochOrder, _seed, number).Shuffle(groups.AsSpan());
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

    private static long[] Starts(int count, Func<int, int> rows)
    {
        var starts = new long[count + 1];
        for (var i = 0; i < count; i++)
        {
            starts[i + 1] = starts[i] + rows(i);
        }

        return starts;
    }

    // Empty groups share the start of the group after them; the last of equal starts contains the value.
    private static int LastNotAbove(long[] starts, long value)
    {
        int low = 0,
            high = starts.Length - 2;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            if (starts[middle] <= value)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    /// <summary>A partition's part of an epoch.</summary>
    /// <param name="FirstPlace">First place in the partition's stream.</param>
    /// <param name="Start">Start of its part of the shuffled row groups, in samples.</param>
    /// <param name="End">End of that part, exclusive.</param>
    private readonly record struct EpochPart(long FirstPlace, long Start, long End);

    /// <summary>One epoch's row groups and their division among partitions.</summary>
    /// <param name="Number">Epoch number, from 0.</param>
    /// <param name="Groups">Row groups in shuffled order.</param>
    /// <param name="GroupStarts">Start of each shuffled row group, in samples; one entry more than groups.</param>
    /// <param name="Parts">Each partition's part.</param>
    private sealed record EpochOrder(long Number, int[] Groups, long[] GroupStarts, EpochPart[] Parts);
}

/// <summary>The part of a partition's sample stream that lies in one row group. Shared between callers; do not modify.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Start">Place of its first sample in the partition's stream.</param>
/// <param name="Group">The row group.</param>
/// <param name="Samples">Its samples, in stream order.</param>
internal sealed record Stretch(int Partition, long Epoch, long Start, int Group, long[] Samples)
{
    /// <summary>The place after its last sample.</summary>
    public long End => Start + Samples.Length;

    /// <summary>True if it contains a place of a partition's stream.</summary>
    public bool Holds(int partition, long place) => partition == Partition && place >= Start && place < End;
}
