using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Csv;
using ClipTrain.DataPipeline.Import.Folders;
using ClipTrain.DataPipeline.Import.Json;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Default columns of sets that do not name their own.</summary>
public sealed record DefaultColumns(string? Image = null, string? Caption = null);

/// <summary>Opens image sets in any layout.</summary>
public static class ImageSets
{
    /// <param name="set">The set.</param>
    /// <param name="data">The files of one of the set's splits.</param>
    /// <param name="columns">Columns for a set that does not name its own.</param>
    /// <exception cref="CorpusException">A file is missing or damaged, or a column does not exist.</exception>
    public static IImageSet Open(SetOptions set, IReadOnlyList<string> data, DefaultColumns columns)
    {
        if (data.Count == 0)
        {
            throw SetError.Of(set.Name, "data is empty; give files, folders or globs.");
        }

        try
        {
            return (set.Layout == SetLayout.Auto ? Find(set, data) : set.Layout) switch
            {
                SetLayout.Folders => new FolderSet(set, Single(set, data)),
                SetLayout.Webdataset => new WebdatasetSet(set, Single(set, data)),
                SetLayout.Csv => Table(set, Single(set, data)),
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
        {
            return SetLayout.Csv;
        }

        if (!Directory.Exists(path))
        {
            return SetLayout.Parquet;
        }

        if (File.Exists(Path.Combine(path, CsvSource.MetadataFile)))
        {
            return SetLayout.Csv;
        }

        if (File.Exists(Path.Combine(path, JsonLinesSource.MetadataFile)))
        {
            throw SetError.Of(
                set.Name,
                $"the folder {path} has its captions in {JsonLinesSource.MetadataFile}, which sets are not read from; import it with "
                    + "cliptrain data import folder, and name the result."
            );
        }

        if (WebdatasetSet.Shards(path, set.Split).Count > 0)
        {
            return SetLayout.Webdataset;
        }

        if (Directory.EnumerateFiles(path, "*.parquet").Any())
        {
            return SetLayout.Parquet;
        }

        if (Directory.EnumerateDirectories(path).Any(folder => FolderWalk.Images(folder).Any()))
        {
            return SetLayout.Folders;
        }

        throw SetError.Of(
            set.Name,
            $"the folder {path} has no known layout: it has neither .parquet files, nor {CsvSource.MetadataFile}, nor folders of images "
                + $"named after classes, nor {set.Split}/*.tar; say where the images are, or import them with cliptrain data import."
        );
    }

    private static CsvSet Table(SetOptions set, string path) =>
        Directory.Exists(path)
            ? new CsvSet(
                set with
                {
                    ImageColumn = set.ImageColumn ?? CsvSource.MetadataImageColumn,
                },
                Path.Combine(path, CsvSource.MetadataFile)
            )
            : new CsvSet(set, path);

    private static string Single(SetOptions set, IReadOnlyList<string> data) =>
        data is [var path]
            ? path
            : throw SetError.Of(
                set.Name,
                $"{data.Count} paths are given, but layouts other than Parquet take one. Make a separate set of each."
            );
}
