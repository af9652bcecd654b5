using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// Keeps a worker from outliving its node. The node holds the other end of the worker's standard input and never writes to it; however
/// the node ends, the input ends and the worker exits. Signals are ignored meanwhile.
/// </summary>
public sealed class ParentWatch : IDisposable
{
    /// <summary>Exit code of a worker whose node is gone.</summary>
    public const int ExitCode = 4;

    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(10);
    private readonly IgnoredSignals _ignored = new();

    private ParentWatch() { }

    /// <summary>Watches this process's standard input and exits when it ends. Call this first in a worker's Main.</summary>
    public static ParentWatch Start() => Start(Console.OpenStandardInput(), Exit);

    internal static ParentWatch Start(Stream input, Action onEnd)
    {
        var watch = new ParentWatch();
        OnEnd(input, onEnd);
        return watch;
    }

    /// <summary>Calls back when an input ends, from a thread of its own.</summary>
    public static void OnEnd(Stream input, Action onEnd) =>
        new Thread(() => WaitForEnd(input, onEnd)) { IsBackground = true, Name = "parent watch" }.Start();

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
                // Nothing is ever sent on this stream.
            }
        }
        catch (IOException)
        {
            // A broken input has ended too.
        }

        onEnd();
    }

    /// <summary>Exits in order, and kills the process if its exit handlers hang because a thread is stuck in a collective.</summary>
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
        Console.Error.WriteLine("The process that started this one has ended or dismissed it: it exits.");
        Environment.Exit(ExitCode);
    }
}

/// <summary>
/// Ignores SIGINT, SIGTERM and SIGHUP. A terminal's Ctrl-C or hang-up and a batch system's notice reach every process of a run, and
/// workers must survive them to write the checkpoint that the coordinator requests.
/// </summary>
public sealed class IgnoredSignals : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations =
    [
        .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal =>
            PosixSignalRegistration.Create(signal, context => context.Cancel = true)
        ),
    ];

    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());
}
