using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The files that a user's list of files, folders and globs stands for.</summary>
internal static class CorpusFiles
{
    private static readonly char[] GlobCharacters = ['*', '?', '['];

    /// <summary>Full paths, each once, in ordinal order.</summary>
    /// <exception cref="CorpusException">An entry stands for no file.</exception>
    public static IReadOnlyList<string> Expand(IReadOnlyList<string> entries, Connection connection)
    {
        if (entries.Count == 0)
        {
            throw new CorpusException("the corpus names no files: give Parquet files, folders of them or globs");
        }

        return [.. entries.SelectMany(entry => Expand(entry, connection)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Expand(string entry, Connection connection)
    {
        var path = Path.GetFullPath(entry);
        if (File.Exists(path))
        {
            return [path];
        }

        if (Directory.Exists(path))
        {
            var files = Directory.GetFiles(path, "*.parquet");
            return files.Length > 0 ? files : throw new CorpusException(
                $"{path}: no *.parquet in this folder; for files in folders below it, write {Path.Combine(path, "**", "*.parquet")}");
        }

        if (entry.AsSpan().IndexOfAny(GlobCharacters) < 0)
        {
            throw new CorpusException($"{path}: no such file or folder");
        }

        var matches = Glob(path, connection);
        return matches.Count > 0 ? matches : throw new CorpusException($"{path}: no file matches this pattern");
    }

    private static List<string> Glob(string pattern, Connection connection)
    {
        var matches = new List<string>();
        using var query = connection.Query($"select file from glob({Sql.Literal(pattern)})");
        while (query.NextChunk())
        {
            var files = query.Column(0);
            for (var i = 0; i < query.Count; i++)
            {
                matches.Add(Path.GetFullPath(files.Text(i)!));
            }
        }

        return matches;
    }
}
