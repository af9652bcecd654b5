using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>Delimited text with a column of image paths and a column of captions; other columns are kept.</summary>
public sealed class CsvSource : ImportSource
{
    private readonly CsvOptions _options;
    private readonly CsvColumns[] _columns;

    /// <param name="paths">Files, or folders of them.</param>
    /// <param name="options">How they are read.</param>
    /// <exception cref="CorpusException">A file is missing, is empty or has no such columns.</exception>
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

    internal override IReadOnlyList<string> ExtraNames() => [.. _columns.SelectMany(c => c.Extra().Select(i => c.Names[i])).Distinct(StringComparer.Ordinal)];

    internal override IEnumerable<PendingRow> Read(int input)
    {
        var path = Inputs[input].Path;
        var columns = _columns[input];
        var root = _options.Root ?? Path.GetDirectoryName(path)!;
        using var text = Open(path);
        var reader = Reader(text, path);
        if (_options.Header)
            reader.Next();
        while (reader.Next() is { } fields)
        {
            var place = $"{path}:{reader.Line}";
            yield return new PendingRow(place, text.BaseStream.Position, Bytes: 0, () => ToRow(fields, columns, root));
        }
    }

    private static ImportRow ToRow(string[] fields, CsvColumns columns, string root)
    {
        if (fields.Length != columns.Names.Count)
            throw new ImportRowException("wrong number of fields", $"{fields.Length} in place of {columns.Names.Count}");
        var name = fields[columns.Image].Trim();
        if (name.Length == 0)
            throw new ImportRowException("no image", "the path is blank");
        if (name.Contains("://", StringComparison.Ordinal))
            throw new ImportRowException("image is a URL", $"{name}; download images first, for example with img2dataset");
        return new ImportRow(
            name.Replace('\\', '/'), ImageFile.Read(Path.Combine(root, name)), [fields[columns.Caption].Trim()],
            [.. columns.Extra().Select(i => KeyValuePair.Create(columns.Names[i], fields[i].Length == 0 ? null : fields[i]))]);
    }

    private CsvColumns FindColumns(string path)
    {
        using var text = Open(path);
        return CsvColumns.Find(Reader(text, path).Next() ?? throw new CorpusException($"{path} is empty; name files that hold rows"), _options, path);
    }

    private CsvReader Reader(StreamReader text, string path) => new(text, _options.DelimiterOf(path), _options.Quotes, path);

    private static StreamReader Open(string path)
    {
        try
        {
            return new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
