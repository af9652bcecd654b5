using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Storage;

/// <summary>What a rename needs to survive a power cut and .NET does not offer: for the run's state and for checkpoints.</summary>
public static partial class DirectorySync
{
    private const int ReadOnly = 0;

    /// <summary>Flushes a directory's entries, without which a rename in it may be lost.</summary>
    public static void Sync(string path)
    {
        var descriptor = Open(path, ReadOnly);
        if (descriptor < 0)
            throw new IOException($"{path}: cannot be opened to sync it (errno {Marshal.GetLastPInvokeError()}).");
        try
        {
            if (FSync(descriptor) != 0)
                throw new IOException($"{path}: cannot be synced (errno {Marshal.GetLastPInvokeError()}).");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
