using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Lock of a file for one process, which the kernel releases however the process ends. Unlike the lock that .NET takes when it opens a
/// file, it can be queried without being taken, so queries never get a process refused.
/// </summary>
public sealed class FileLock : IDisposable
{
    private const long Held = 0,
        Written = 1;

    /// <summary>A look a millisecond.</summary>
    private const int LooksAtOwner = 1000;

    private readonly FileStream _file;

    private FileLock(FileStream file) => _file = file;

    /// <summary>Takes the lock and then writes a text, which is whole for everybody who finds the lock held. Creates the file.</summary>
    /// <returns>Null if the lock is held. On a file system without locks it never is.</returns>
    /// <exception cref="IOException">The file cannot be created or written.</exception>
    public static FileLock? TryTake(string path, ReadOnlySpan<byte> text)
    {
        var file = new FileStream(Posix.OpenToWrite(path), FileAccess.ReadWrite, bufferSize: 0);
        try
        {
            if (!Posix.TryLock(file.SafeFileHandle, Held))
            {
                file.Dispose();
                return null;
            }

            file.SetLength(0);
            file.Write(text);
            file.Flush();
            _ = Posix.TryLock(file.SafeFileHandle, Written);
            return new FileLock(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>True while a process holds the lock; false if the file does not exist.</summary>
    /// <exception cref="IOException">The file cannot be opened by this user.</exception>
    public static bool IsHeld(string path)
    {
        try
        {
            using var file = Posix.OpenUnlocked(path);
            return Posix.IsLocked(file, Held);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    /// <summary>
    /// The text of the process that holds the lock. Waits for the moment in which that process writes it, and for at most a second if
    /// it is suspended in that moment.
    /// </summary>
    /// <returns>Null if nobody holds the lock.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static byte[]? ReadText(string path)
    {
        using var file = Posix.OpenUnlocked(path);
        for (var look = 0; Posix.IsLocked(file, Held); look++)
        {
            if (look == LooksAtOwner || Posix.IsLocked(file, Written))
            {
                return ReadAll(file);
            }

            Thread.Sleep(1);
        }

        return null;
    }

    public void Dispose()
    {
        if (!_file.SafeFileHandle.IsClosed)
        {
            // In this order, so that nobody takes this text for the next owner's.
            Posix.Unlock(_file.SafeFileHandle, Written);
            Posix.Unlock(_file.SafeFileHandle, Held);
        }

        _file.Dispose();
    }

    private static byte[] ReadAll(SafeFileHandle file)
    {
        var text = new byte[RandomAccess.GetLength(file)];
        return text[..RandomAccess.Read(file, text, fileOffset: 0)];
    }
}
