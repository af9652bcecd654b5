using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>One worker's slices of the global batches.</summary>
internal sealed class TrainingStream : ISampleStream
{
    private readonly SampleOrder _order;
    private readonly int _globalBatch, _start;

    public TrainingStream(SampleOrder order, TrainingLoaderOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.GlobalBatch, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.FirstStep, nameof(options));
        (_order, _globalBatch) = (order, options.GlobalBatch);
        (_start, MaxCount) = SampleOrder.LocalSlice(options.GlobalBatch, options.Rank, options.WorldSize);
        (FirstBatch, LastBatch) = (options.FirstStep, options.LastStep);
        Start = checked(FirstBatch * _globalBatch);
        End = LastBatch > long.MaxValue / _globalBatch ? long.MaxValue : LastBatch * _globalBatch;
    }

    public long FirstBatch { get; }

    public long LastBatch { get; }

    public int MaxCount { get; }

    public long Start { get; }

    public long End { get; }

    public MixtureSchedule Schedule => _order.Schedule;

    public (long Start, int Count) Slice(long batch) => (checked(batch * _globalBatch) + _start, MaxCount);

    public bool Holds(long position) => position % _globalBatch is var place && place >= _start && place < _start + MaxCount;

    public StreamWindow Window(int corpus, long position) => _order.Window(corpus, position);
}
