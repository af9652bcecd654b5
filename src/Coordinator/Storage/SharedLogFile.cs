namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Log file of several processes. <see cref="FileMode.Append"/> remembers where the file ended when it was opened, so that a
/// second process would overwrite what the first has written since.
/// </summary>
public static class SharedLogFile
{
    /// <summary>Opens a file, which is created if necessary, without a buffer: each write goes to its end in one piece.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static FileStream Open(string path) => new(Posix.OpenToAppend(path), FileAccess.Write, bufferSize: 0);
}
