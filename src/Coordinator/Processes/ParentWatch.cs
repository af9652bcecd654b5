using System.Diagnostics;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// Keeps a worker from outliving its node. The node holds the other end of the worker's standard input and never writes to
/// it; when the node ends, in whatever way, the input ends and so does the worker. Signals are ignored meanwhile.
/// </summary>
public sealed class ParentWatch : IDisposable
{
    /// <summary>Exit code of a worker whose node has gone.</summary>
    public const int ExitCode = 4;

    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(10);
    private readonly IgnoredSignals _ignored = new();

    private ParentWatch() { }

    /// <summary>Watches this process's standard input and exits when it ends. To be called first in a worker's Main.</summary>
    public static ParentWatch Start() => Start(Console.OpenStandardInput(), Exit);

    internal static ParentWatch Start(Stream input, Action onEnd)
    {
        var watch = new ParentWatch();
        new Thread(() => WaitForEnd(input, onEnd)) { IsBackground = true, Name = "parent watch" }.Start();
        return watch;
    }

    public void Dispose()
    {
        _ignored.Dispose();
    }

    private static void WaitForEnd(Stream input, Action onEnd)
    {
        Span<byte> ignored = stackalloc byte[64];
        try
        {
            while (input.Read(ignored) > 0)
            {
                // Nothing is ever said on this stream.
            }
        }
        catch (IOException)
        {
            // A broken input is an ended one.
        }

        onEnd();
    }

    /// <summary>
    /// An orderly exit waits for exit handlers, which a thread stuck in a collective may hold up; then the process is ended from outside
    /// them.
    /// </summary>
    private static void Exit()
    {
        new Thread(() =>
        {
            Thread.Sleep(ExitGrace);
            Process.GetCurrentProcess().Kill();
        })
        {
            IsBackground = true,
            Name = "last resort",
        }.Start();
        Console.Error.WriteLine("The node that started this worker has gone or wants no more of it: the worker exits.");
        Environment.Exit(ExitCode);
    }
}
