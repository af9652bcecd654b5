using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Collectives;

/// <summary>
/// A wait for something that has to be polled: at first busily, then every fifty microseconds, which leaves the core to other threads.
/// </summary>
internal readonly partial struct PollingWait()
{
    private const uint PauseMicroseconds = 50;
    private static readonly TimeSpan s_busy = TimeSpan.FromMicroseconds(100);

    private readonly long _started = Stopwatch.GetTimestamp();

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    public void Pause()
    {
        if (Elapsed > s_busy)
        {
            _ = Sleep(PauseMicroseconds);
        }
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);
}
