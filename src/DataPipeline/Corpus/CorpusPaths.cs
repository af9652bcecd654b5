using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Turns what a user names (files, folders, globs, lists of these) into the ordered list of a corpus's files.</summary>
internal static class CorpusPaths
{
    /// <summary>
    /// Full paths, each once, in ordinal order, so that the order depends on the names alone. A folder stands for the
    /// .parquet files directly in it; globs know <c>*</c>, <c>?</c>, <c>[…]</c> and <c>**</c>. A .txt or .json file lists
    /// files, folders and globs, see <see cref="FileList"/>.
    /// </summary>
    /// <exception cref="CorpusException">A file is missing, or a folder, glob or list gives no file.</exception>
    public static IReadOnlyList<string> Expand(DuckDbConnection connection, IReadOnlyList<string> pathsFoldersOrGlobs)
    {
        if (pathsFoldersOrGlobs.Count == 0)
            throw new CorpusException("no corpus is named; give Parquet files, folders of them, or globs (data.train)");
        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var entry in pathsFoldersOrGlobs)
            files.UnionWith(ExpandOne(connection, entry));
        return [.. files];
    }

    private static IEnumerable<string> ExpandOne(DuckDbConnection connection, string entry)
    {
        if (string.IsNullOrWhiteSpace(entry))
            throw new CorpusException("an empty path is named as corpus; give Parquet files, folders of them, or globs (data.train)");
        var path = Path.GetFullPath(entry);
        if (File.Exists(path))
            return FileList.IsList(path) ? FileList.Read(path).SelectMany(listed => Listed(connection, path, listed)) : [path];
        if (Directory.Exists(path))
        {
            var inFolder = Directory.GetFiles(path, "*.parquet");
            return inFolder.Length > 0
                ? inFolder
                : throw new CorpusException($"the folder {path} holds no .parquet file; for files in folders below it give the glob {Path.Combine(path, "**", "*.parquet")}");
        }

        if (path.AsSpan().IndexOfAny("*?[") < 0)
            throw new CorpusException($"{path} does not exist; correct the path in data.train");
        var matches = Glob(connection, path);
        return matches.Count > 0 ? matches : throw new CorpusException($"no file matches {path}; correct the glob in data.train");
    }

    private static IEnumerable<string> Listed(DuckDbConnection connection, string list, string entry)
    {
        try
        {
            return FileList.IsList(entry) ? throw new CorpusException($"{entry} is a list itself; name it in data.train") : ExpandOne(connection, entry);
        }
        catch (CorpusException e)
        {
            throw new CorpusException($"{list}: {e.Message}", e);
        }
    }

    private static List<string> Glob(DuckDbConnection connection, string pattern)
    {
        var matches = new List<string>();
        using var result = connection.Query("SELECT file FROM glob(?)", pattern);
        while (result.NextChunk())
        {
            for (var row = 0; row < result.Rows; row++)
                matches.Add(result.Text(0, row)!);
        }

        return matches;
    }
}
