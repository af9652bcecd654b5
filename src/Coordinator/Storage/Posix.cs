using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Coordinator.Storage;

/// <summary>The calls of libc that .NET lacks.</summary>
internal static partial class Posix
{
    private const int SigTerm = 15;
    private const int CloseOnExecute = 0x80000,
        WriteOnly = 1,
        ReadWrite = 2,
        Create = 0x40,
        Append = 0x400;
    private const int ReadableByAll = 0x1A4;
    private const int GetLock = 36,
        SetLock = 37;
    private const short WriteLock = 1,
        Unlocked = 2;
    private const int NotFound = 2,
        WouldBlock = 11,
        Denied = 13,
        FileExists = 17,
        InvalidArgument = 22,
        NoSuchCall = 38,
        NotSupported = 95;
    private const int CurrentDirectory = -100;
    private const uint Exchange = 2;

    /// <summary>Sends SIGTERM.</summary>
    public static void Terminate(int processId) => _ = Kill(processId, SigTerm);

    /// <summary>Opens a file or directory for reading without the lock that .NET takes on every file.</summary>
    /// <exception cref="IOException">The path cannot be opened.</exception>
    public static SafeFileHandle OpenUnlocked(string path) => Open(path, CloseOnExecute);

    /// <summary>Opens a file, which is created if necessary, for reading and writing, without .NET's lock.</summary>
    /// <exception cref="IOException">The path cannot be opened.</exception>
    public static SafeFileHandle OpenToWrite(string path) => Open(path, CloseOnExecute | ReadWrite | Create);

    /// <summary>Opens a file, which is created if necessary, so that each write goes to its end, whoever else has written.</summary>
    /// <exception cref="IOException">The path cannot be opened.</exception>
    public static SafeFileHandle OpenToAppend(string path) => Open(path, CloseOnExecute | WriteOnly | Create | Append);

    /// <summary>
    /// Locks a byte of a file, which need not have it, for the holder of the handle: an "open file description lock" of fcntl. True as
    /// well on a file system without locks.
    /// </summary>
    /// <returns>False if another handle has the lock.</returns>
    public static bool TryLock(SafeFileHandle file, long at)
    {
        var range = new LockRange(WriteLock, at);
        return Control(file, SetLock, ref range) == 0 || Marshal.GetLastPInvokeError() is not (WouldBlock or Denied);
    }

    /// <summary>
    /// Releases a byte for everybody. Closing the handle alone does not while a child process that another thread starts has a copy of it.
    /// </summary>
    public static void Unlock(SafeFileHandle file, long at)
    {
        var range = new LockRange(Unlocked, at);
        _ = Control(file, SetLock, ref range);
    }

    /// <summary>True if another handle has locked a byte of a file.</summary>
    public static bool IsLocked(SafeFileHandle file, long at)
    {
        var range = new LockRange(WriteLock, at);
        return Control(file, GetLock, ref range) == 0 && range.Type != Unlocked;
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

    private static SafeFileHandle Open(string path, int flags)
    {
        var descriptor = Open(path, flags, ReadableByAll);
        if (descriptor >= 0)
        {
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        var error = Marshal.GetLastPInvokeError();
        throw error == NotFound
            ? new FileNotFoundException($"{path}: not found.", path)
            : new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(error)}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(SafeFileHandle descriptor, int command, ref LockRange range);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle descriptor);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int fromDirectory, string from, int toDirectory, string to, uint flags);

    /// <summary><c>struct flock</c> of 64-bit Linux, for one byte counted from the start of the file.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct LockRange(short type, long at)
    {
        public short Type = type;
        public short Whence;
        public long Start = at;
        public long Length = 1;
        public int ProcessId;
    }
}
