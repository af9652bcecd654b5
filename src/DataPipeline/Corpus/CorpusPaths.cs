namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Turns what a user names (files, folders, globs, lists of these) into the ordered list of a corpus's files.</summary>
internal static class CorpusPaths
{
    /// <summary>
    /// Full paths, each once, in ordinal order, so that the order depends on the names alone. A folder stands for the
    /// .parquet files directly in it; globs are <see cref="FileGlob"/>'s. A .txt or .json file lists files, folders and globs,
    /// see <see cref="FileList"/>.
    /// </summary>
    /// <exception cref="CorpusException">A file is missing, or a folder, glob or list gives no file.</exception>
    public static IReadOnlyList<string> Expand(IReadOnlyList<string> pathsFoldersOrGlobs)
    {
        if (pathsFoldersOrGlobs.Count == 0)
            throw new CorpusException("no corpus is named; give Parquet files, folders of them, or globs (data.train)");
        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var entry in pathsFoldersOrGlobs)
            files.UnionWith(ExpandOne(entry));
        return [.. files];
    }

    private static IEnumerable<string> ExpandOne(string entry)
    {
        if (string.IsNullOrWhiteSpace(entry))
            throw new CorpusException("an empty path is named as corpus; give Parquet files, folders of them, or globs (data.train)");
        RemotePath.Refuse(entry);
        var path = Path.GetFullPath(entry);
        if (File.Exists(path))
            return FileList.IsList(path) ? FileList.Read(path).SelectMany(listed => Listed(path, listed)) : [path];
        if (Directory.Exists(path))
            return InFolder(path);
        if (!FileGlob.IsPattern(path))
            throw new CorpusException($"{path} does not exist; correct the path in data.train");
        var matches = FileGlob.Match(path);
        return matches.Count > 0 ? matches : throw new CorpusException($"no file matches {path}; correct the glob in data.train");
    }

    private static string[] InFolder(string folder)
    {
        var files = Directory.GetFiles(folder, "*.parquet");
        if (files.Length > 0)
            return files;
        throw new CorpusException(
            Directory.EnumerateFiles(folder, "*.tar").Any()
                ? $"the folder {folder} holds tar archives and no .parquet file; import them first: cliptrain data import tar {folder} "
                    + "-o FOLDER, and train on that folder"
                : $"the folder {folder} holds no .parquet file; for files in folders below it give the glob "
                    + $"{Path.Combine(folder, "**", "*.parquet")}, and import image files first: cliptrain data import folder {folder} "
                    + "-o FOLDER"
        );
    }

    private static IEnumerable<string> Listed(string list, string entry)
    {
        try
        {
            return FileList.IsList(entry)
                ? throw new CorpusException($"{entry} is a list itself; name it in data.train")
                : ExpandOne(entry);
        }
        catch (CorpusException e)
        {
            throw new CorpusException($"{list}: {e.Message}", e);
        }
    }
}
