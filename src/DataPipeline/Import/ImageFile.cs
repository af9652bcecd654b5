using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Reads files of a sample from disk.</summary>
internal static class ImageFile
{
    /// <exception cref="ImportRowException">It is not there, cannot be read or is too large.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            if (ImportInput.Resolved(path) is { Exists: true, Length: > SampleFiles.MaxImageBytes and var length })
                throw new ImportRowException(
                    "file too large",
                    $"{path} has {length} bytes, more than the {SampleFiles.MaxImageBytes >> 20} MiB that are accepted"
                );
            RegularFile.Require(path);
            var bytes = File.ReadAllBytes(path);
            return bytes.Length > 0 ? bytes : throw new ImportRowException("file is empty", path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImportRowException("file is missing", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ImportRowException("file cannot be read", $"{path}: {e.Message}", e);
        }
    }
}
