namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Replaces small files in one step: a file is written aside, flushed to disk and renamed. Readers, and the next process after a crash,
/// find the old content or the new.
/// </summary>
public static class WholeFile
{
    /// <inheritdoc cref="Write(string, Action{string})"/>
    public static void Write(string path, string text) => Write(path, aside => File.WriteAllText(aside, text));

    /// <summary>Replaces or creates a file, and its folder if that is missing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content to the path that it is given.</param>
    /// <exception cref="IOException">The file cannot be written; the old one is unchanged.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written; the old one is unchanged.</exception>
    public static void Write(string path, Action<string> write)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

        // Several processes may replace one file.
        var aside = $"{path}.{Environment.ProcessId}.partial";
        try
        {
            write(aside);
            using (var file = File.OpenHandle(aside, FileMode.Open, FileAccess.Write))
            {
                RandomAccess.FlushToDisk(file);
            }

            File.Move(aside, path, overwrite: true);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }
    }
}
