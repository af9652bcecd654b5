namespace ClipTrain.DataPipeline.Import;

/// <summary>One input of an import, and what tells whether it is still the same.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Size">Bytes of a file, image files of a folder.</param>
/// <param name="Version">Changes with the content: a file's time of writing, a hash of a folder's listing.</param>
public sealed record ImportInput(string Path, long Size, string Version)
{
    /// <summary>A file, by its size and time of writing.</summary>
    internal static ImportInput File(string path)
    {
        var info = new FileInfo(path);
        return new ImportInput(info.FullName, info.Length, info.LastWriteTimeUtc.ToString("O"));
    }
}
