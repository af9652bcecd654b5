using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Folders;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Columns to read where a set does not name its own.</summary>
public sealed record DefaultColumns(string? Image = null, string? Caption = null);

/// <summary>Opens sets of images in any layout.</summary>
public static class ImageSets
{
    /// <param name="set">The set.</param>
    /// <param name="data">Its files: one of the set's splits.</param>
    /// <param name="columns">Columns for a set that names none.</param>
    /// <exception cref="CorpusException">A file is missing or damaged, or a column is not there.</exception>
    public static IImageSet Open(SetOptions set, IReadOnlyList<string> data, DefaultColumns columns)
    {
        if (data.Count == 0)
            throw SetError.Of(set.Name, "data names no file; give files, folders or globs.");
        try
        {
            return (set.Layout == SetLayout.Auto ? Find(set, data) : set.Layout) switch
            {
                SetLayout.Folders => new FolderSet(set, Single(set, data)),
                SetLayout.Webdataset => new WebdatasetSet(set, Single(set, data)),
                SetLayout.Csv => new CsvSet(set, Single(set, data)),
                _ => new ParquetSet(set, data, columns),
            };
        }
        catch (CorpusException e) when (!e.Message.StartsWith("Evaluation set", StringComparison.Ordinal))
        {
            throw SetError.Of(set.Name, e.Message.Replace(" in data.train", " in the suite file", StringComparison.Ordinal));
        }
    }

    private static SetLayout Find(SetOptions set, IReadOnlyList<string> data)
    {
        var path = data[0];
        if (Path.GetExtension(path) is ".csv" or ".tsv")
            return SetLayout.Csv;
        if (!Directory.Exists(path))
            return SetLayout.Parquet;
        if (WebdatasetSet.Shards(path, set.Split).Count > 0)
            return SetLayout.Webdataset;
        if (Directory.EnumerateFiles(path, "*.parquet").Any())
            return SetLayout.Parquet;
        if (Directory.EnumerateDirectories(path).Any(folder => FolderWalk.Images(folder).Any()))
            return SetLayout.Folders;
        throw SetError.Of(
            set.Name,
            $"the folder {path} is in no layout that is known: it holds neither .parquet files, nor folders of images named after "
                + $"classes, nor {set.Split}/*.tar; say where the images are, or import them with cliptrain data import."
        );
    }

    private static string Single(SetOptions set, IReadOnlyList<string> data) =>
        data is [var path]
            ? path
            : throw SetError.Of(set.Name, $"{data.Count} places are named; layouts other than Parquet take one. Make a set of each.");
}
