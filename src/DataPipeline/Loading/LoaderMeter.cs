using System.Collections.Immutable;
using System.Diagnostics;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>What a loader's thread spends its time on.</summary>
internal enum LoaderWork
{
    Read,
    AwaitWindow,
    AwaitSlot,
    AwaitSample,
    Decode,
    Tokenize,
    Assemble,
    AwaitBatch,
}

/// <summary>Counts what a loader's threads do. Each thread writes counters of its own, so that an image costs no lock.</summary>
internal sealed class LoaderMeter(int decodeThreads)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private ImmutableList<ThreadMeter> _threads = [];

    /// <summary>The meter of a thread that is about to start.</summary>
    public ThreadMeter AddThread()
    {
        var meter = new ThreadMeter();
        ImmutableInterlocked.Update(ref _threads, threads => threads.Add(meter));
        return meter;
    }

    /// <summary>The sums up to now; any thread may ask.</summary>
    public LoaderFigures Look(int queuedBatches)
    {
        var (read, finished) = (Stage(LoaderWork.Read, blocked: LoaderWork.AwaitWindow), Stage(LoaderWork.Assemble));
        return new LoaderFigures
        {
            Elapsed = Stopwatch.GetElapsedTime(_started),
            Threads = decodeThreads,
            Read = read,
            Decode = Stage(LoaderWork.Decode, LoaderWork.AwaitSample, LoaderWork.AwaitSlot),
            Tokenize = Stage(LoaderWork.Tokenize),
            Assemble = finished,
            Waited = Time(LoaderWork.AwaitBatch),
            // Threads go on between the two sums.
            QueuedSamples = Math.Max(0, read.Items - finished.Items),
            QueuedBatches = queuedBatches,
        };
    }

    private StageFigures Stage(LoaderWork work, LoaderWork? starved = null, LoaderWork? blocked = null) =>
        new(_threads.Sum(t => t.Items(work)), Time(work), Time(starved), Time(blocked));

    private TimeSpan Time(LoaderWork? work) =>
        work is { } one ? Stopwatch.GetElapsedTime(0, _threads.Sum(t => t.Ticks(one))) : TimeSpan.Zero;
}

/// <summary>The counters of one thread: it alone writes them, any may read.</summary>
internal sealed class ThreadMeter
{
    private static readonly int Kinds = Enum.GetValues<LoaderWork>().Length;

    private readonly long[] _ticks = new long[Kinds],
        _items = new long[Kinds];

    public long Items(LoaderWork work) => Volatile.Read(ref _items[(int)work]);

    public long Ticks(LoaderWork work) => Volatile.Read(ref _ticks[(int)work]);

    /// <summary>Counts the time until it is disposed, and so many samples.</summary>
    public Timing Time(LoaderWork work, int items = 1) => new(this, work, items);

    /// <summary>Counts a sample.</summary>
    public void Count(LoaderWork work) => Add(work, ticks: 0, items: 1);

    private void Add(LoaderWork work, long ticks, int items)
    {
        Volatile.Write(ref _ticks[(int)work], _ticks[(int)work] + ticks);
        Volatile.Write(ref _items[(int)work], _items[(int)work] + items);
    }

    public readonly ref struct Timing(ThreadMeter meter, LoaderWork work, int items) : IDisposable
    {
        private readonly long _started = Stopwatch.GetTimestamp();

        public void Dispose() => meter.Add(work, Stopwatch.GetTimestamp() - _started, items);
    }
}
