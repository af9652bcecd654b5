using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Import;

/// <summary>
/// Writes one file of an imported corpus in the layout of Hugging Face's datasets: <c>image</c>, a struct of <c>bytes</c> and
/// <c>path</c>; <c>caption</c> and the additional columns as text; and the features in the file's metadata.
/// </summary>
internal sealed class ShardWriter : IDisposable
{
    /// <summary>A row group ends at 500 rows, at 100 or more rows once they have 32 MiB, and at 128 MiB in any case.</summary>
    private const int MinRows = 100,
        MaxRows = 500,
        FullBytes = 32 << 20,
        MaxBytes = 128 << 20;

    private const int Bytes = 0,
        FilePath = 1,
        Caption = 2,
        FirstExtra = 3;

    private readonly ParquetFileWriter _file;

    private readonly bool _lists;

    /// <param name="path">The file to write.</param>
    /// <param name="extraColumns">Names of the additional columns.</param>
    /// <param name="lists">True if the caption column is a list of texts.</param>
    public ShardWriter(string path, IReadOnlyList<string> extraColumns, bool lists) =>
        (_lists, _file) = (
            lists,
            new ParquetFileWriter(
                path,
                [
                    new("bytes", IsText: false, "image"),
                    new("path", IsText: true, "image"),
                    new("caption", IsText: true, IsList: lists),
                    .. extraColumns.Select(name => new OutputColumn(name, IsText: true)),
                ],
                KeyValuePair.Create("huggingface", Features(extraColumns, lists))
            )
        );

    /// <summary>Rows added so far.</summary>
    public int Rows { get; private set; }

    /// <summary>The name of a shard: ordinal order is row order.</summary>
    public static string FileName(int shard) => shard.ToString("D6", CultureInfo.InvariantCulture) + ".parquet";

    /// <summary>Adds a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="extra">Values of the additional columns, in order.</param>
    public void Add(ImportRow row, ReadOnlySpan<string?> extra)
    {
        _file.Add(Bytes, row.Image);
        _file.AddText(FilePath, row.Path);
        if (_lists)
        {
            _file.AddTexts(Caption, row.Captions);
        }
        else
        {
            _file.AddText(Caption, row.Captions.Count == 0 ? null : row.Captions[0]);
        }

        for (var i = 0; i < extra.Length; i++)
        {
            _file.AddText(FirstExtra + i, extra[i]);
        }

        Rows++;
        _file.EndRow();
        if (
            _file.Pending == MaxRows
            || (_file.Pending >= MinRows && _file.PendingBytes(Bytes) >= FullBytes)
            || _file.PendingBytes(Bytes) >= MaxBytes
        )
        {
            _file.Flush();
        }
    }

    /// <summary>Writes pending rows, syncs the file to disk and renames it to its final name.</summary>
    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();

    private static string Features(IReadOnlyList<string> extraColumns, bool lists)
    {
        var features = new JsonObject { ["image"] = new JsonObject { ["_type"] = "Image" } };
        foreach (var column in (string[])["caption", .. extraColumns])
        {
            features[column] = new JsonObject { ["dtype"] = "string", ["_type"] = "Value" };
        }

        if (lists)
        {
            features["caption"] = new JsonArray(new JsonObject { ["dtype"] = "string", ["_type"] = "Value" });
        }

        return new JsonObject { ["info"] = new JsonObject { ["features"] = features } }.ToJsonString(JsonSerializerOptions.Default);
    }
}
