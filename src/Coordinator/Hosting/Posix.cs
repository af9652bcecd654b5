using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>What .NET does not offer: SIGTERM to a child.</summary>
internal static partial class Posix
{
    private const int SigTerm = 15;

    public static void Terminate(int processId) => _ = Kill(processId, SigTerm);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
