using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// The processor time of one thread, which any thread may read. Unlike a clock on the wall it stands still while the process
/// is stopped or waits for a core, so a limit on it means nearly the same on a busy machine.
/// </summary>
internal readonly partial struct ThreadClock
{
    /// <summary>
    /// Linux makes the clock of a thread out of its number: the complement shifted by three, with the bits for "one thread" and
    /// "scheduled time".
    /// </summary>
    private const int OneThread = 4,
        Scheduled = 2;

    private readonly int _id;

    private ThreadClock(int thread) => _id = (~thread << 3) | OneThread | Scheduled;

    /// <summary>The clock of the thread that asks.</summary>
    public static ThreadClock OfThisThread() => new(ThreadNumber());

    /// <summary>Processor time used since the thread began; zero when it has ended.</summary>
    public TimeSpan Used =>
        Read(_id, out var time) == 0
            ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000)
            : TimeSpan.Zero;

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int ThreadNumber();

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int Read(int clock, out ClockTime time);

    private readonly record struct ClockTime(long Seconds, long Nanoseconds);
}
