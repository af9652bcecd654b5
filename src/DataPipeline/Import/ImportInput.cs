using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>An input of an import, with its version.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Size">Bytes of a file, or image files of a folder.</param>
/// <param name="Version">Changes with the contents: a file's modification time, or a hash of a folder's listing.</param>
public sealed record ImportInput(string Path, long Size, string Version)
{
    /// <summary>The file at a path, with links followed.</summary>
    internal static FileInfo Resolved(string path)
    {
        var file = new FileInfo(path);
        return file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
    }

    /// <summary>A file, identified by size and modification time.</summary>
    internal static ImportInput File(string path)
    {
        // A link's own size and time are not the file's.
        var file = Resolved(path);
        return new ImportInput(System.IO.Path.GetFullPath(path), file.Length, file.LastWriteTimeUtc.ToString("O"));
    }
}

/// <summary>Expands user-given files and folders into inputs.</summary>
internal static class InputFiles
{
    /// <summary>
    /// The files in the given order; a folder stands for the files directly in it with one of the endings, in ordinal order.
    /// </summary>
    /// <exception cref="CorpusException">A file is missing, or a folder contains no matching file.</exception>
    public static IReadOnlyList<ImportInput> Expand(IReadOnlyList<string> paths, params IReadOnlyList<string> endings)
    {
        var inputs = new List<ImportInput>();
        foreach (var path in paths)
        {
            RemotePath.Refuse(path);
            if (File.Exists(path))
            {
                inputs.Add(ImportInput.File(path));
            }
            else if (Directory.Exists(path))
            {
                inputs.AddRange(InFolder(path, endings));
            }
            else
            {
                throw new CorpusException($"{Path.GetFullPath(path)} does not exist; correct the path");
            }
        }

        if (inputs.GroupBy(i => i.Path, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new CorpusException($"{twice.Key} is named twice; name each input once");
        }

        return inputs;
    }

    /// <summary>The file's bytes from its beginning.</summary>
    /// <exception cref="CorpusException">The file cannot be read.</exception>
    public static FileStream Open(string path)
    {
        try
        {
            RegularFile.Require(path);
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private static List<ImportInput> InFolder(string folder, IReadOnlyList<string> endings)
    {
        var files = Directory
            .GetFiles(folder)
            .Where(f => endings.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)))
            .Order(StringComparer.Ordinal)
            .ToList();
        return files.Count > 0
            ? files.ConvertAll(ImportInput.File)
            : throw new CorpusException(
                $"the folder {Path.GetFullPath(folder)} contains no file that ends in {string.Join(" or ", endings)}"
            );
    }
}
