using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Csv;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>
/// A CSV or TSV file with a header, a column of paths relative to the file, and columns of labels, captions and attributes.
/// </summary>
internal sealed class CsvSet : IImageSet
{
    private static readonly string[] s_imageNames = ["image", "path", "file", "filepath", "file_name", "filename", "image_path"];
    private static readonly string[] s_captionNames = ["caption", "text", "title"];

    private readonly string _path;
    private readonly string[] _header;
    private readonly int _image,
        _label,
        _caption,
        _group;
    private readonly int[] _attributes;
    private readonly List<(long Line, string[] Fields)> _records = [];

    public CsvSet(SetOptions set, string path)
    {
        _path = path;
        if (!File.Exists(path))
        {
            throw SetError.Of(set.Name, $"{path} does not exist; correct the path in the suite file.");
        }

        using var records = new CsvRecords(File.OpenRead(path), Path.GetExtension(path) == ".tsv" ? '\t' : ',', quotes: true, path);
        _header = records.Next() ?? throw SetError.Of(set.Name, $"{path} is empty; its first line must name the columns.");
        _image = Find(set.ImageColumn, s_imageNames) ?? throw Missing(set.ImageColumn ?? "image", "image_column");
        _caption =
            Find(set.CaptionColumn, s_captionNames)
            ?? (set.CaptionColumn is null ? -1 : throw Missing(set.CaptionColumn, "caption_column"));
        _label = Find(set.LabelColumn, []) ?? -1;
        _group = set.GroupBy is null ? -1 : Find(set.GroupBy, []) ?? throw Missing(set.GroupBy, "group_by");
        _attributes =
        [
            .. set
                .Attributes.Append(set.GroupColumn)
                .OfType<string>()
                .Distinct(StringComparer.Ordinal)
                .Select(name => Find(name, []) ?? throw Missing(name, "attributes or group_column")),
        ];
        while (records.Next() is { } fields)
        {
            if (fields.Length != _header.Length)
            {
                throw SetError.Of(
                    set.Name,
                    $"{path}:{records.Line} has {fields.Length} fields but the header has {_header.Length} columns."
                );
            }

            _records.Add((records.Line, fields));
        }

        int? Find(string? name, string[] usual)
        {
            var at = name is not null
                ? Array.FindIndex(_header, column => column.Equals(name, StringComparison.OrdinalIgnoreCase))
                : Array.FindIndex(_header, column => usual.Contains(column, StringComparer.OrdinalIgnoreCase));
            return at < 0 ? null : at;
        }

        CorpusException Missing(string column, string key) =>
            SetError.Of(set.Name, $"{path} has no column '{column}'; its columns: {string.Join(", ", _header)}. Set {key}.");
    }

    public IReadOnlyList<string> ClassNames => [];

    public IReadOnlyList<string> Templates => [];

    public IEnumerable<string> Files => _records.Select(record => Place(record.Fields)).Prepend(_path);

    public long? Count => _records.Count;

    public bool HasCaptions => _caption >= 0;

    public bool HasLabels => _label >= 0;

    public IEnumerable<SetRow> Rows()
    {
        foreach (var (line, fields) in _records)
        {
            var key = $"{_path}:{line}";
            byte[] image;
            try
            {
                image = File.ReadAllBytes(Place(fields));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new CorpusException($"{key}: the image cannot be read: {e.Message} Paths are relative to the CSV file.", e);
            }

            string? Value(int column) => column < 0 || fields[column].Length == 0 ? null : fields[column];
            yield return new SetRow(
                key,
                image,
                Value(_label),
                Value(_caption) is { } caption ? [caption] : [],
                Value(_group),
                Array.ConvertAll(_attributes, Value)
            );
        }
    }

    private string Place(string[] fields) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(_path))!, fields[_image]);
}
