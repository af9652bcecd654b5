using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Why a file without image bytes has none, where that can be told, and the way to them.</summary>
internal static class MissingImages
{
    /// <returns>Null where nothing is known.</returns>
    public static string? Explain(IReadOnlyList<ParquetField> fields, string path)
    {
        if (fields.FirstOrDefault(f => f.Name.Equals("url", StringComparison.OrdinalIgnoreCase)) is not { } url)
            return null;
        // img2dataset writes a table beside each of its tars.
        if (File.Exists(Path.ChangeExtension(path, ".tar")))
        {
            return $"{path} has no image bytes: the images are in the tars beside it "
                + $"({Path.GetFileName(Path.ChangeExtension(path, ".tar"))}). "
                + $"Import those: cliptrain data import tar {Path.GetDirectoryName(path)} -o FOLDER, and train on that folder";
        }

        return $"{path} has URLs (column {url.Name}) but no image bytes: it is a list of images, not the images. Download them first, "
            + "for example with img2dataset and output_format parquet, and train on what that writes. Its columns: "
            + $"{ColumnResolver.List(fields)}";
    }
}
