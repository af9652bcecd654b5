using System.Collections.Concurrent;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Replaces small files in one step: a file is written aside, flushed to disk and renamed. Readers, and the next process after a crash,
/// find the old content or the new.
/// </summary>
public static class WholeFile
{
    private const string Aside = ".partial";

    /// <summary>Age of a file aside whose writer was killed: far above the duration of a write and the difference of two clocks.</summary>
    private static readonly TimeSpan Abandoned = TimeSpan.FromDays(1);

    /// <summary>Names of files aside: a Guid precedes the ending.</summary>
    private static readonly string s_asides = $"*.{new string('?', Guid.Empty.ToString("N").Length)}{Aside}";

    /// <summary>
    /// Folders that this process has looked through. Those of a sweep have a file for each trial: a look at each write would add up.
    /// </summary>
    private static readonly ConcurrentDictionary<string, bool> s_looked = new(StringComparer.Ordinal);

    /// <inheritdoc cref="Write(string, Action{string})"/>
    public static void Write(string path, string text) => Write(path, aside => File.WriteAllText(aside, text));

    /// <summary>Replaces or creates a file, and its folder if that is missing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content to the path that it is given.</param>
    /// <exception cref="IOException">The file cannot be written; the old one is unchanged.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written; the old one is unchanged.</exception>
    public static void Write(string path, Action<string> write)
    {
        var folder = Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (s_looked.TryAdd(folder.FullName, true))
        {
            DeleteAbandoned(folder);
        }

        // Several processes may replace one file, on machines and in containers that share the folder but not their process numbers.
        var aside = $"{path}.{Guid.NewGuid():N}{Aside}";
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

    /// <summary>Deletes what killed writers have left in a folder.</summary>
    private static void DeleteAbandoned(DirectoryInfo folder)
    {
        var now = DateTime.UtcNow;
        foreach (var aside in folder.EnumerateFiles(s_asides).Where(aside => now - aside.LastWriteTimeUtc > Abandoned))
        {
            try
            {
                aside.Delete();
            }
            catch (UnauthorizedAccessException)
            {
                // It is another user's.
            }
        }
    }
}
