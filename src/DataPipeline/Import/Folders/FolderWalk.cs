using System.Security.Cryptography;
using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Folders;

/// <summary>The image files in a folder and its subfolders, in an order that depends only on their names.</summary>
internal static class FolderWalk
{
    /// <summary>
    /// Paths relative to the root: a folder's own files in ordinal order, then its subfolders. Hidden files and folders are skipped.
    /// </summary>
    /// <exception cref="CorpusException">A folder cannot be listed.</exception>
    public static IEnumerable<string> Images(string root) => In(root, "", []);

    /// <summary>The rows that a function makes of the images, each with its number from 1.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="toRow">Makes a row from the root and an image's path relative to it.</param>
    public static IEnumerable<PendingRow> Rows(string root, Func<string, string, ImportRow> toRow)
    {
        long position = 0;
        foreach (var image in Images(root))
        {
            yield return new PendingRow(Path.Combine(root, image), ++position, Bytes: 0, () => toRow(root, image));
        }
    }

    private static IEnumerable<string> In(string root, string folder, HashSet<string> around)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.Combine(root, folder));
        // A link to an enclosing folder would be followed for ever.
        var real = new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        if (!around.Add(real))
        {
            yield break;
        }

        foreach (var file in Names(path, Directory.EnumerateFiles).Where(IsImage))
        {
            yield return folder + file;
        }

        foreach (var inner in Names(path, Directory.EnumerateDirectories))
        {
            foreach (var image in In(root, $"{folder}{inner}/", around))
            {
                yield return image;
            }
        }

        around.Remove(real);
    }

    private static bool IsImage(string file) => SampleFiles.IsImage(Path.GetExtension(file).TrimStart('.').ToLowerInvariant());

    private static string[] Names(string folder, Func<string, IEnumerable<string>> list)
    {
        try
        {
            return [.. list(folder).Select(p => Path.GetFileName(p)).Where(n => n[0] != '.').Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"the folder {folder} cannot be listed: {e.Message}", e);
        }
    }
}

/// <summary>A folder of images as input, identified by the names and sizes of its images.</summary>
internal static class FolderInput
{
    /// <summary>The input.</summary>
    /// <exception cref="CorpusException">The folder is missing or contains no image.</exception>
    public static ImportInput Describe(string folder)
    {
        RemotePath.Refuse(folder);
        var root = Path.GetFullPath(folder);
        if (!Directory.Exists(root))
        {
            throw new CorpusException(
                File.Exists(root) ? $"{root} is a file; name a folder" : $"the folder {root} does not exist; correct the path"
            );
        }

        long images = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var image in FolderWalk.Images(root))
        {
            // A broken link is reported as a failure of its row.
            var bytes = ImportInput.Resolved(Path.Combine(root, image)) is { Exists: true } file ? file.Length : -1;
            hash.AppendData(Encoding.UTF8.GetBytes($"{image}\0{bytes}\n"));
            images++;
        }

        return images > 0
            ? new ImportInput(root, images, Convert.ToHexStringLower(hash.GetHashAndReset()))
            : throw new CorpusException($"the folder {root} and its subfolders contain no image file");
    }
}
