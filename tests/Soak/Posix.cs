using System.Runtime.InteropServices;

namespace ClipTrain.Soak;

/// <summary>Signals to processes.</summary>
internal static partial class Posix
{
    public const int Interrupt = 2,
        Kill = 9,
        Terminate = 15,
        Continue = 18,
        Stop = 19;

    /// <summary>Sends a signal; does nothing if the process has already exited.</summary>
    public static void Send(int processId, int signal) => _ = SendSignal(processId, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}
