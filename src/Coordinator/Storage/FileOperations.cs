using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// The steps that durable state is written in. A process may be killed before any of them, and tests do so: whatever is on disk
/// then must be whole for the next reader.
/// </summary>
public partial class FileOperations
{
    private const int CurrentDirectory = -100,
        Exchange = 2;
    private const int InvalidArgument = 22,
        NoSuchCall = 38,
        NotSupported = 95;

    /// <summary>Those of this machine.</summary>
    public static FileOperations System { get; } = new();

    public virtual void CreateDirectory(string path) => Directory.CreateDirectory(path);

    /// <summary>Creates a file that must not exist.</summary>
    public virtual FileStream Create(string path) => new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);

    /// <summary>Brings a file's content to disk.</summary>
    public virtual void Flush(FileStream file) => file.Flush(flushToDisk: true);

    /// <summary>Renames a directory to a name that must not exist.</summary>
    public virtual void Move(string from, string to) => Directory.Move(from, to);

    /// <summary>Gives two directories each other's name at once; false where the file system cannot.</summary>
    public virtual bool TryExchange(string one, string other)
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

    /// <summary>Deletes a directory and what is in it, one entry after the other.</summary>
    public virtual void Delete(string path) => Directory.Delete(path, recursive: true);

    /// <summary>Brings a directory's names to disk.</summary>
    public virtual void Sync(string path) => DirectorySync.Sync(path);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int fromDirectory, string from, int toDirectory, string to, uint flags);
}
