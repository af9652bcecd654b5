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
    private readonly long[] _rowGroupStarts;
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
        _rowGroupStarts = Starts(rowGroupRows.Count, rowGroup => rowGroupRows[rowGroup]);
        SampleCount = _rowGroupStarts[^1];
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
        return LastNotAbove(_rowGroupStarts, index);
    }

    /// <summary>The stretch that contains an offset of a partition's stream.</summary>
    public Stretch At(int partition, long offset)
    {
        ref var cached = ref _stretches[partition - _firstPartition];
        var stretch = Volatile.Read(ref cached);
        if (stretch is null || !stretch.Holds(partition, offset))
        {
            Volatile.Write(ref cached, stretch = Compute(partition, offset));
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

        var first = LastNotAbove(order.RowGroupStarts, part.Start);
        return order.RowGroups.AsSpan(first..(LastNotAbove(order.RowGroupStarts, part.End - 1) + 1));
    }

    private Stretch Compute(int partition, long offset)
    {
        var epoch = Epoch(_schedule.CountOfCorpus(_corpus, _schedule.PositionOf(partition, offset)) / SampleCount);
        var part = epoch.Parts[partition - _firstPartition];
        var laidOut = part.Start + (offset - part.FirstOffset);
        var nth = LastNotAbove(epoch.RowGroupStarts, laidOut);
        var rowGroup = epoch.RowGroups[nth];
        var from = Math.Max(part.Start, epoch.RowGroupStarts[nth]);
        var to = Math.Min(part.End, epoch.RowGroupStarts[nth + 1]);
        var samples = new long[_rowGroupRows[rowGroup]];
        for (var row = 0; row < samples.Length; row++)
        {
            samples[row] = _rowGroupStarts[rowGroup] + row;
        }
        // The whole row group is shuffled before partitions divide it, so that no sample is tied to a partition.
        RandomStreams.Of(RandomPurpose.RowGroupOrder, _seed, epoch.Number, rowGroup).Shuffle(samples.AsSpan());
        var held = samples[(int)(from - epoch.RowGroupStarts[nth])..(int)(to - epoch.RowGroupStarts[nth])];
        return new Stretch(partition, epoch.Number, part.FirstOffset + (from - part.Start), rowGroup, held);
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
        var rowGroups = new int[_rowGroupRows.Count];
        for (var i = 0; i < rowGroups.Length; i++)
        {
            rowGroups[i] = i;
        }

        RandomStreams.Of(RandomPurpose.EpochOrder, _seed, number).Shuffle(rowGroups.AsSpan());
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

        return new EpochOrder(number, rowGroups, Starts(rowGroups.Length, nth => _rowGroupRows[rowGroups[nth]]), parts);
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

    // Empty row groups share the start of the row group after them; the last of equal starts contains the value.
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
    /// <param name="FirstOffset">First offset in the partition's stream.</param>
    /// <param name="Start">Start of its part of the shuffled row groups, in samples.</param>
    /// <param name="End">End of that part, exclusive.</param>
    private readonly record struct EpochPart(long FirstOffset, long Start, long End);

    /// <summary>One epoch's row groups and their division among partitions.</summary>
    /// <param name="Number">Epoch number, from 0.</param>
    /// <param name="RowGroups">Row groups in shuffled order.</param>
    /// <param name="RowGroupStarts">Start of each shuffled row group, in samples; one entry more than row groups.</param>
    /// <param name="Parts">Each partition's part.</param>
    private sealed record EpochOrder(long Number, int[] RowGroups, long[] RowGroupStarts, EpochPart[] Parts);
}

/// <summary>The part of a partition's sample stream that lies in one row group. Shared between callers; do not modify.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Start">Offset of its first sample in the partition's stream.</param>
/// <param name="RowGroup">The row group.</param>
/// <param name="Samples">Its samples, in stream order.</param>
internal sealed record Stretch(int Partition, long Epoch, long Start, int RowGroup, long[] Samples)
{
    /// <summary>The offset after its last sample.</summary>
    public long End => Start + Samples.Length;

    /// <summary>True if it contains an offset of a partition's stream.</summary>
    public bool Holds(int partition, long offset) => partition == Partition && offset >= Start && offset < End;
}
