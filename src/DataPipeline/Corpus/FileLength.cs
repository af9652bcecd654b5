namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The length of a file; of the file itself where the path is a link, as all of a Hugging Face cache are.</summary>
internal static class FileLength
{
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static long Of(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return RandomAccess.GetLength(file);
    }
}
