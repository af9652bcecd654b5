using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>Delimited text with a column of image paths and a column of captions; other columns are kept.</summary>
public sealed class CsvSource : ImportSource
{
    /// <summary>Table of Hugging Face's imagefolder, in the folder of the images, and its column with their paths.</summary>
    public const string MetadataFile = "metadata.csv",
        MetadataImageColumn = "file_name";

    private readonly CsvOptions _options;
    private readonly CsvColumns[] _columns;

    /// <param name="paths">Files, or folders of them.</param>
    /// <param name="options">Reading options.</param>
    /// <exception cref="CorpusException">A file is missing or empty, or lacks a column.</exception>
    public CsvSource(IReadOnlyList<string> paths, CsvOptions options)
    {
        _options = options;
        Inputs = InputFiles.Expand(paths, ".csv", ".tsv", ".tab");
        _columns = [.. Inputs.Select(i => FindColumns(i.Path))];
        Arguments = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["import"] = "csv",
            ["--image-column"] = options.ImageColumn ?? "",
            ["--caption-column"] = options.CaptionColumn ?? "",
            ["--delimiter"] = $"{options.Delimiter}",
            ["--no-header"] = options.Header ? "false" : "true",
            ["--no-quotes"] = options.Quotes ? "false" : "true",
            ["--root"] = options.Root is null ? "" : Path.GetFullPath(options.Root),
        };
    }

    public override IReadOnlyDictionary<string, string> Arguments { get; }

    public override IReadOnlyList<ImportInput> Inputs { get; }

    internal override IReadOnlyList<string> ExtraNames() =>
        [.. _columns.SelectMany(c => c.Extra().Select(i => c.Names[i])).Distinct(StringComparer.Ordinal)];

    internal override IEnumerable<PendingRow> Read(int input)
    {
        var path = Inputs[input].Path;
        var columns = _columns[input];
        var root = _options.Root ?? Path.GetDirectoryName(path)!;
        using var bytes = InputFiles.Open(path);
        using var records = Records(bytes, path);
        if (_options.Header)
        {
            records.Next();
        }

        while (records.Next() is { } fields)
        {
            var isUtf8 = records.IsUtf8;
            yield return new PendingRow(
                $"{path}:{records.Line}",
                bytes.Position,
                Bytes: 0,
                () => isUtf8 ? ToRow(fields, columns, root) : throw NotUtf8(fields)
            );
        }
    }

    private static ImportRowException NotUtf8(string[] fields) =>
        new(
            "text is not UTF-8",
            $"{fields.First(field => field.Contains('\uFFFD', StringComparison.Ordinal))}; convert the file, for example with iconv"
        );

    private static ImportRow ToRow(string[] fields, CsvColumns columns, string root)
    {
        if (fields.Length != columns.Names.Count)
        {
            throw new ImportRowException("wrong number of fields", $"{fields.Length} instead of {columns.Names.Count}");
        }

        var name = fields[columns.Image].Trim();
        if (name.Length == 0)
        {
            throw new ImportRowException("no image", "the path is blank");
        }

        return new ImportRow(
            name.Replace('\\', '/'),
            ImageFile.ReadNamed(root, name),
            [fields[columns.Caption].Trim()],
            [.. columns.Extra().Select(i => KeyValuePair.Create(columns.Names[i], fields[i].Length == 0 ? null : fields[i]))]
        );
    }

    private CsvColumns FindColumns(string path)
    {
        using var records = Records(InputFiles.Open(path), path);
        return CsvColumns.Find(records.Next() ?? throw new CorpusException($"{path} is empty; name files with rows"), _options, path);
    }

    private CsvRecords Records(Stream bytes, string path) => new(bytes, _options.DelimiterOf(path), _options.Quotes, path);
}

/// <summary>Reading options for delimited text.</summary>
public sealed record CsvOptions
{
    /// <summary>Header name, or number from 1, of the column of image paths; null to find it by its usual names.</summary>
    public string? ImageColumn { get; init; }

    /// <summary>Header name, or number from 1, of the column of captions; null to find it by its usual names.</summary>
    public string? CaptionColumn { get; init; }

    /// <summary>Field separator; null for a tab in files that end in .tsv or .tab, otherwise a comma.</summary>
    public char? Delimiter { get; init; }

    /// <summary>True if the first line has the columns' names.</summary>
    public bool Header { get; init; } = true;

    /// <summary>True if fields may be quoted.</summary>
    public bool Quotes { get; init; } = true;

    /// <summary>Folder that paths are relative to; null for the file's folder.</summary>
    public string? Root { get; init; }

    internal char DelimiterOf(string file) =>
        Delimiter
        ?? (
            file.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".tab", StringComparison.OrdinalIgnoreCase)
                ? '\t'
                : ','
        );
}
