using System.ComponentModel;
using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>What .NET does not offer: SIGTERM to a child, and syncing a directory after a rename.</summary>
internal static partial class Posix
{
    private const int SigTerm = 15;

    public static void Terminate(int processId) => _ = Kill(processId, SigTerm);

    public static void SyncDirectory(string path)
    {
        var descriptor = Open(path, 0);
        if (descriptor < 0)
        {
            throw new IOException($"Cannot open {path} to sync it: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        try
        {
            if (FSync(descriptor) != 0)
            {
                throw new IOException($"Cannot sync {path}.", new Win32Exception(Marshal.GetLastPInvokeError()));
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
