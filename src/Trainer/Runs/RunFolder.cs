using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Runs;

/// <summary>
/// Creates a run's folder under a temporary name and renames it when it is complete, so a folder with the final name is always a
/// run.
/// </summary>
internal static class RunFolder
{
    /// <summary>Refuses to start a run in a directory that holds something.</summary>
    /// <exception cref="UsageException">The run's directory exists and is not empty.</exception>
    public static void RequireNew(RunFiles files)
    {
        if (Directory.Exists(files.Directory) && Directory.EnumerateFileSystemEntries(files.Directory).Any())
        {
            throw new UsageException(
                $"{files.Directory} exists already. Continue it with `cliptrain resume {files.Directory}`, or start another run with "
                    + "--set name=NAME."
            );
        }
    }

    /// <param name="files">Files of the run. Its folder must not exist, or be empty.</param>
    /// <param name="write">Writes the initial files of the run.</param>
    /// <param name="operations">File operations; defaults to those of this machine.</param>
    /// <exception cref="UsageException">Another process has created the folder in the meantime.</exception>
    public static void Create(RunFiles files, Action<RunFiles> write, FileOperations? operations = null)
    {
        operations ??= FileOperations.System;
        var final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(files.Directory));
        var parent = Path.GetDirectoryName(final)!;

        // Names of runs never start with a dot.
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
            {
                Directory.Delete(final);
            }

            operations.Move(aside.Directory, final);
        }
        catch (IOException error) when (File.Exists(files.Config))
        {
            throw new UsageException($"{files.Directory} was created by another process in the meantime: {error.Message}");
        }

        operations.Sync(parent);
        foreach (var leftover in Directory.EnumerateDirectories(parent, prefix + "*").ToList())
        {
            operations.Delete(leftover);
        }
    }
}
