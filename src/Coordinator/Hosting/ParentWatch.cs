using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// Keeps a worker from outliving its coordinator. The coordinator holds the other end of the worker's standard input and
/// never writes to it; when the coordinator ends, in whatever way, the input ends and so does the worker.
/// <para>It also ignores SIGINT and SIGTERM: a terminal's Ctrl-C and a batch system's notice reach every process of the
/// run, and a worker that died of them could not write the checkpoint that the coordinator then asks for.</para>
/// </summary>
public sealed class ParentWatch : IDisposable
{
    /// <summary>Exit code of a worker whose coordinator has gone.</summary>
    public const int ExitCode = 4;

    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(10);
    private readonly PosixSignalRegistration _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
    private readonly PosixSignalRegistration _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);

    private ParentWatch()
    {
    }

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
        _interrupt.Dispose();
        _terminate.Dispose();
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

    /// <summary>An orderly exit waits for exit handlers, which a thread stuck in a collective may hold up; then the process is ended from outside them.</summary>
    private static void Exit()
    {
        new Thread(() =>
        {
            Thread.Sleep(ExitGrace);
            Process.GetCurrentProcess().Kill();
        })
        { IsBackground = true, Name = "last resort" }.Start();
        Console.Error.WriteLine("The coordinator has gone or wants no more of this worker, which exits.");
        Environment.Exit(ExitCode);
    }
}
