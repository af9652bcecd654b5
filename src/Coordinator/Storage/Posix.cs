using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Coordinator.Storage;

/// <summary>What .NET does not offer: SIGTERM to a child, and a look into a file that another process has locked.</summary>
internal static partial class Posix
{
    /// <summary>The error of a lock that another process holds; .NET puts it into <see cref="Exception.HResult"/>.</summary>
    public const int WouldBlock = 11;

    private const int SigTerm = 15;
    private const int ReadOnly = 0;

    public static void Terminate(int processId) => _ = Kill(processId, SigTerm);

    /// <summary>Opens a file without taking the lock that .NET takes with every file.</summary>
    public static SafeFileHandle OpenUnlocked(string path)
    {
        var descriptor = Open(path, ReadOnly);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new IOException($"{path}: cannot be opened (errno {Marshal.GetLastPInvokeError()}).");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
