using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>One worker's slices of the global batches.</summary>
internal sealed class TrainingStream : ISampleStream
{
    private readonly SampleOrder _order;
    private readonly PartitionSchedule _schedule;
    private readonly int _globalBatch,
        _start;
    private readonly Action<int, long, int>? _beforeRead;

    public TrainingStream(SampleOrder order, TrainingLoaderOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.FirstStep, nameof(options));
        (_order, _schedule, _globalBatch) = (order, order.Schedule, order.Schedule.GlobalBatch);
        (_start, MaxCount) = SampleOrder.LocalSlice(_globalBatch, options.Rank, options.WorldSize);
        (FirstBatch, LastBatch) = (options.FirstStep, Math.Min(options.LastStep, long.MaxValue / 8 / _globalBatch));
        _beforeRead = options.BeforeRead;
        Partitions = [.. _schedule.Within(_start, MaxCount)];
    }

    public long FirstBatch { get; }

    public long LastBatch { get; }

    public int MaxCount { get; }

    public IReadOnlyList<int> Partitions { get; }

    public (long Start, int Count) Slice(long batch) => (checked(batch * _globalBatch) + _start, MaxCount);

    public (int Partition, long Offset) At(long position) => _schedule.At(position);

    public IEnumerable<(long Position, Stretch Stretch)> Stretches(int partition)
    {
        var end = LastBatch * _globalBatch;
        var offset = _schedule.CountOf(partition, FirstBatch * _globalBatch);
        while (_schedule.PositionOf(partition, offset) is var position && position < end)
        {
            var stretch = _order.At(partition, offset);
            _beforeRead?.Invoke(_schedule.CorpusOf(partition), stretch.Epoch, stretch.RowGroup);
            yield return (position, stretch);
            offset = stretch.End;
        }
    }

    public IEnumerable<(long From, long To)> Held(Stretch stretch)
    {
        for (
            var batch = Math.Max(FirstBatch, _schedule.PositionOf(stretch.Partition, stretch.Start) / _globalBatch);
            batch < LastBatch;
            batch++
        )
        {
            var (start, count) = Slice(batch);
            var from = Math.Max(stretch.Start, _schedule.CountOf(stretch.Partition, start));
            if (from >= stretch.End)
            {
                break;
            }

            yield return (from, Math.Min(stretch.End, _schedule.CountOf(stretch.Partition, start + count)));
        }
    }
}
