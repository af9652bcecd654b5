namespace ClipTrain.DataPipeline.Import;

/// <summary>One input of an import, and what tells whether it is still the same.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Size">Bytes of a file, image files of a folder.</param>
/// <param name="Version">Changes with the content: a file's time of writing, a hash of a folder's listing.</param>
public sealed record ImportInput(string Path, long Size, string Version)
{
    /// <summary>The file that a path or a link means.</summary>
    internal static FileInfo Resolved(string path)
    {
        var file = new FileInfo(path);
        return file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
    }

    /// <summary>A file, by its size and time of writing.</summary>
    internal static ImportInput File(string path)
    {
        // A link's own length and time say nothing of the file.
        var file = Resolved(path);
        return new ImportInput(System.IO.Path.GetFullPath(path), file.Length, file.LastWriteTimeUtc.ToString("O"));
    }
}
