using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Coordinator.Storage;

/// <summary>The calls of libc that .NET lacks.</summary>
internal static partial class Posix
{
    /// <summary>Error of a lock that another process holds; .NET reports it as <see cref="Exception.HResult"/>.</summary>
    public const int WouldBlock = 11;

    private const int SigTerm = 15;
    private const int ReadOnly = 0;
    private const int FileExists = 17,
        InvalidArgument = 22,
        NoSuchCall = 38,
        NotSupported = 95;
    private const int CurrentDirectory = -100;
    private const uint Exchange = 2;

    /// <summary>Sends SIGTERM.</summary>
    public static void Terminate(int processId) => _ = Kill(processId, SigTerm);

    /// <summary>Opens a file or directory for reading without the lock that .NET takes on every file.</summary>
    /// <exception cref="IOException">The path cannot be opened.</exception>
    public static SafeFileHandle OpenUnlocked(string path)
    {
        var descriptor = Open(path, ReadOnly);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new IOException($"{path}: cannot be opened (errno {Marshal.GetLastPInvokeError()}).");
    }

    /// <summary>Flushes the entries of a directory, without which a rename in it may be lost after a power cut.</summary>
    /// <exception cref="IOException">The directory cannot be opened or flushed.</exception>
    public static void SyncDirectory(string path)
    {
        using var directory = OpenUnlocked(path);
        if (FSync(directory) != 0)
        {
            throw new IOException($"{path}: cannot be synced (errno {Marshal.GetLastPInvokeError()}).");
        }
    }

    /// <summary>Gives an existing file a second name.</summary>
    /// <returns>False if the name is taken.</returns>
    /// <exception cref="IOException">The file cannot be linked.</exception>
    public static bool TryLink(string file, string name)
    {
        if (Link(file, name) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        return error == FileExists ? false : throw new IOException($"{name} cannot be linked: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>Swaps the names of two directories in one step.</summary>
    /// <returns>False if the file system cannot.</returns>
    /// <exception cref="IOException">The file system can, but refuses.</exception>
    public static bool TryExchange(string one, string other)
    {
        try
        {
            if (RenameAt(CurrentDirectory, one, CurrentDirectory, other, Exchange) == 0)
            {
                return true;
            }
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }

        var error = Marshal.GetLastPInvokeError();
        return error is InvalidArgument or NoSuchCall or NotSupported
            ? false
            : throw new IOException($"{one} and {other} cannot be exchanged: {Marshal.GetPInvokeErrorMessage(error)}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle descriptor);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int fromDirectory, string from, int toDirectory, string to, uint flags);
}
