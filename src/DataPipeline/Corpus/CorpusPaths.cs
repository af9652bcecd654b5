using System.Text.Json;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Expands user-given files, folders, globs and lists into the ordered files of a corpus.</summary>
internal static class CorpusPaths
{
    /// <summary>
    /// Full paths, each once, in ordinal order, so that the order depends only on the names. A folder stands for the .parquet files
    /// directly in it; globs follow <see cref="FileGlob"/>. A .txt or .json file is a <see cref="FileList"/> of files, folders and globs.
    /// </summary>
    /// <exception cref="CorpusException">A file is missing, or a folder, glob or list yields no file.</exception>
    public static IReadOnlyList<string> Expand(IReadOnlyList<string> pathsFoldersOrGlobs)
    {
        if (pathsFoldersOrGlobs.Count == 0)
        {
            throw new CorpusException("no corpus is given; name Parquet files, folders or globs in data.train");
        }

        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var entry in pathsFoldersOrGlobs)
        {
            files.UnionWith(ExpandOne(entry));
        }

        return [.. files];
    }

    private static IEnumerable<string> ExpandOne(string entry)
    {
        if (string.IsNullOrWhiteSpace(entry))
        {
            throw new CorpusException("the corpus path is empty; name Parquet files, folders or globs in data.train");
        }

        RemotePath.Refuse(entry);
        var path = Path.GetFullPath(entry);
        if (File.Exists(path))
        {
            return FileList.IsList(path) ? FileList.Read(path).SelectMany(listed => Listed(path, listed)) : [path];
        }

        if (Directory.Exists(path))
        {
            return InFolder(path);
        }

        if (!FileGlob.IsPattern(path))
        {
            throw new CorpusException($"{path} does not exist; correct the path in data.train");
        }

        var matches = FileGlob.Match(path);
        return matches.Count > 0 ? matches : throw new CorpusException($"no file matches {path}; correct the glob in data.train");
    }

    private static string[] InFolder(string folder)
    {
        var files = Directory.GetFiles(folder, "*.parquet");
        if (files.Length > 0)
        {
            return files;
        }

        throw new CorpusException(
            Directory.EnumerateFiles(folder, "*.tar").Any()
                ? $"the folder {folder} contains tar archives but no .parquet file; import them first: cliptrain data import tar {folder} "
                    + "-o FOLDER, then train on that folder"
                : $"the folder {folder} contains no .parquet file; for files in its subfolders use the glob "
                    + $"{Path.Combine(folder, "**", "*.parquet")}, for image files import them first: "
                    + $"cliptrain data import folder {folder} -o FOLDER"
        );
    }

    private static IEnumerable<string> Listed(string list, string entry)
    {
        try
        {
            return FileList.IsList(entry)
                ? throw new CorpusException($"{entry} is itself a list; name it in data.train")
                : ExpandOne(entry);
        }
        catch (CorpusException e)
        {
            throw new CorpusException($"{list}: {e.Message}", e);
        }
    }
}

/// <summary>
/// A file that lists the files of a corpus: one per line in a .txt, where empty lines and lines starting with # are ignored, or a JSON
/// array of strings in a .json. Names are relative to the list's folder.
/// </summary>
internal static class FileList
{
    public static bool IsList(string path) => Path.GetExtension(path) is ".txt" or ".json";

    /// <summary>The entries, as full paths.</summary>
    /// <exception cref="CorpusException">The file is not a list, or is empty.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        try
        {
            RegularFile.Require(path);
            var entries =
                Path.GetExtension(path) == ".json"
                    ? JsonSerializer.Deserialize<string[]>(File.ReadAllBytes(path)) ?? []
                    : [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
            return entries.Length > 0
                ? [.. entries.Select(entry => Path.Combine(Path.GetDirectoryName(path)!, entry))]
                : throw new CorpusException($"{path} lists no files; write one Parquet file, folder or glob per line");
        }
        catch (JsonException e)
        {
            throw new CorpusException($"{path} is not a list of files: a JSON array of strings is expected ({e.Message})", e);
        }
    }
}

/// <summary>URLs, which are not read here.</summary>
internal static class RemotePath
{
    private const string Scheme = "://";

    /// <exception cref="CorpusException">The path is a URL; the message says how to copy its files.</exception>
    public static void Refuse(string path)
    {
        var end = path.IndexOf(Scheme, StringComparison.Ordinal);
        if (end < 1 || !path[..end].All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.'))
        {
            return;
        }

        var way = path[..end].ToLowerInvariant() switch
        {
            "s3" or "s3a" => "copy them (aws s3 sync) or mount the bucket (mountpoint-s3, rclone mount)",
            "gs" or "gcs" => "copy them (gcloud storage rsync) or mount the bucket (gcsfuse, rclone mount)",
            "az" or "abfs" or "abfss" or "wasb" or "wasbs" => "copy them (azcopy) or mount the container (blobfuse2, rclone mount)",
            "hf" => "download them (hf download … --repo-type dataset)",
            "http" or "https" => "download them (curl, wget, hf download)",
            "file" => "remove file:// and use the path",
            _ => "copy them to this machine, or mount their storage",
        };
        throw new CorpusException($"{path} is a URL, but only local files are read: {way}, then use the local path");
    }
}
