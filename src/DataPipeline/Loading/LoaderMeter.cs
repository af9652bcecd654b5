using System.Collections.Immutable;
using System.Diagnostics;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Activities of a loader's threads.</summary>
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

/// <summary>Counts the activities of a loader's threads. Each thread writes its own counters, so that counting takes no lock.</summary>
internal sealed class LoaderMeter(int decodeThreads)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private ImmutableList<ThreadMeter> _threads = [];

    /// <summary>Counters for a thread that is about to start.</summary>
    public ThreadMeter AddThread()
    {
        var meter = new ThreadMeter();
        ImmutableInterlocked.Update(ref _threads, threads => threads.Add(meter));
        return meter;
    }

    /// <summary>A snapshot of the sums. Thread-safe.</summary>
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
            // The two sums are not taken at the same instant.
            QueuedSamples = Math.Max(0, read.Items - finished.Items),
            QueuedBatches = queuedBatches,
        };
    }

    private StageFigures Stage(LoaderWork work, LoaderWork? starved = null, LoaderWork? blocked = null) =>
        new(_threads.Sum(t => t.Items(work)), Time(work), Time(starved), Time(blocked));

    private TimeSpan Time(LoaderWork? work) =>
        work is { } one ? Stopwatch.GetElapsedTime(0, _threads.Sum(t => t.Ticks(one))) : TimeSpan.Zero;
}

/// <summary>Counters of one thread, which alone writes them; any thread may read.</summary>
internal sealed class ThreadMeter
{
    private static readonly int Kinds = Enum.GetValues<LoaderWork>().Length;

    private readonly long[] _ticks = new long[Kinds],
        _items = new long[Kinds];

    public long Items(LoaderWork work) => Volatile.Read(ref _items[(int)work]);

    public long Ticks(LoaderWork work) => Volatile.Read(ref _ticks[(int)work]);

    /// <summary>Adds the time until disposal, and a number of samples.</summary>
    public Timing Time(LoaderWork work, int items = 1) => new(this, work, items);

    /// <summary>Adds a sample.</summary>
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
