namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// The steps in which durable state is written. A process may be killed before any of them, as tests do: what is on disk then
/// must still be whole for the next reader.
/// </summary>
public class FileOperations
{
    /// <summary>The operations of this machine.</summary>
    public static FileOperations System { get; } = new();

    public virtual void CreateDirectory(string path) => Directory.CreateDirectory(path);

    /// <summary>Creates a file that must not exist.</summary>
    public virtual FileStream Create(string path) => new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);

    /// <summary>Flushes a file's content to disk.</summary>
    public virtual void Flush(FileStream file) => file.Flush(flushToDisk: true);

    /// <summary>Renames a directory to a name that must not exist.</summary>
    public virtual void Move(string from, string to) => Directory.Move(from, to);

    /// <summary>Swaps the names of two directories in one step.</summary>
    /// <returns>False if the file system cannot.</returns>
    public virtual bool TryExchange(string one, string other) => Posix.TryExchange(one, other);

    /// <summary>Deletes a directory and its content, one entry after the other.</summary>
    public virtual void Delete(string path) => Directory.Delete(path, recursive: true);

    /// <summary>Flushes a directory's entries to disk.</summary>
    public virtual void Sync(string path) => DirectorySync.Sync(path);
}

/// <summary>Makes renames survive a power cut, for the run's state and for checkpoints.</summary>
public static class DirectorySync
{
    /// <summary>Flushes a directory's entries to disk.</summary>
    /// <exception cref="IOException">The directory cannot be opened or flushed.</exception>
    public static void Sync(string path) => Posix.SyncDirectory(path);
}
