using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Runs;

/// <summary>Makes a run's folder: aside, and renamed when it is whole, so that a folder of that name is a run.</summary>
internal static class RunFolder
{
    /// <param name="files">The run's; its folder must not exist, or be empty.</param>
    /// <param name="write">Writes the files of a run that begins.</param>
    /// <param name="operations">Those of this machine when left out.</param>
    /// <exception cref="UsageException">Another process has made the folder meanwhile.</exception>
    public static void Create(RunFiles files, Action<RunFiles> write, FileOperations? operations = null)
    {
        operations ??= FileOperations.System;
        var final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(files.Directory));
        var parent = Path.GetDirectoryName(final)!;

        // No run has a name with a dot in front.
        var prefix = $".{Path.GetFileName(final)}.partial-";
        var aside = new RunFiles(Path.Combine(parent, $"{prefix}{Guid.NewGuid():N}"));
        operations.CreateDirectory(aside.Directory);
        write(aside);
        try
        {
            foreach (var path in Directory.EnumerateFiles(aside.Directory))
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
                operations.Flush(file);
            }

            operations.Sync(aside.Directory);
            if (Directory.Exists(final))
                Directory.Delete(final);
            operations.Move(aside.Directory, final);
        }
        catch (IOException error) when (File.Exists(files.Config))
        {
            throw new UsageException($"{files.Directory} was made by another process meanwhile: {error.Message}");
        }

        operations.Sync(parent);
        foreach (var leftover in Directory.EnumerateDirectories(parent, prefix + "*").ToList())
            operations.Delete(leftover);
    }
}
