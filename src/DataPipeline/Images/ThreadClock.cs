using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Processor time of one thread, readable from any thread. Unlike wall-clock time it does not advance while the process is suspended or
/// waits for a core, so a limit on it means nearly the same on a busy machine.
/// </summary>
internal readonly partial struct ThreadClock
{
    /// <summary>
    /// Linux encodes a thread's clock id from its thread id: the complement shifted left by three, with bits for "one thread" and
    /// "scheduled time".
    /// </summary>
    private const int OneThread = 4,
        Scheduled = 2;

    private readonly int _id;

    private ThreadClock(int thread) => _id = (~thread << 3) | OneThread | Scheduled;

    /// <summary>The clock of the calling thread.</summary>
    public static ThreadClock OfThisThread() => new(ThreadNumber());

    /// <summary>Processor time used since the thread began; zero once it has ended.</summary>
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
