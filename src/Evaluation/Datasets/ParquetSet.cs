using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>A set in Parquet files, in Hugging Face's format or that of a corpus.</summary>
internal sealed class ParquetSet : IImageSet
{
    private readonly SetOptions _set;
    private readonly CorpusManifest _corpus;
    private readonly string? _label;
    private readonly string[] _attributes;

    public ParquetSet(SetOptions set, IReadOnlyList<string> data, DefaultColumns columns)
    {
        _set = set;
        var there = CorpusManifest.ColumnsOf(data);
        string[] captions = [.. new[] { set.CaptionColumn ?? Present(columns.Caption) }.OfType<string>()];
        _corpus = CorpusSelector.Select(
            CorpusManifest.Create(
                data,
                new CorpusColumns
                {
                    Image = set.ImageColumn ?? Present(columns.Image),
                    Captions = captions,
                    CaptionRequired = set.CaptionColumn is not null || set.GroupBy is not null,
                    EveryCaption = true,
                }
            ),
            new SelectionOptions()
        );
        _label = Column(set.LabelColumn);
        _attributes =
        [
            .. set
                .Attributes.Append(set.GroupColumn)
                .OfType<string>()
                .Distinct(StringComparer.Ordinal)
                .Select(name => Column(name) ?? throw Missing(name, "attributes or group_column")),
        ];
        if (set.GroupBy is { } key && Column(key) is null)
        {
            throw Missing(key, "group_by");
        }

        ClassNames =
            _label is null ? []
            : _corpus.ClassNames(_label) is { Count: > 0 } names ? names
            : DatasetCard.ClassNames(_corpus.Files[0].Path, _label);

        string? Present(string? column) => column is not null && there.Any(other => other.Name == column.Split('.')[0]) ? column : null;
    }

    public IReadOnlyList<string> ClassNames { get; }

    public IReadOnlyList<string> Templates => [];

    public IEnumerable<string> Files => _corpus.Files.Select(file => file.Path);

    public long? Count => _corpus.SampleCount;

    public bool HasCaptions => _corpus.CaptionChoices.Count > 0;

    public bool HasLabels => _label is not null;

    public IEnumerable<SetRow> Rows()
    {
        using var images = new CorpusReader(_corpus, _label, CorpusContent.Images | CorpusContent.Captions);
        string[] others = [.. _attributes.Append(_set.GroupBy).OfType<string>().Distinct(StringComparer.Ordinal)];
        var readers = Array.ConvertAll(others, column => new CorpusReader(_corpus, column, CorpusContent.None));
        try
        {
            for (var number = 0; number < _corpus.RowGroupRows.Count; number++)
            {
                using var rows = images.Read(number);
                var columns = Array.ConvertAll(readers, reader => reader.Read(number));
                try
                {
                    var group = _corpus.RowGroups[number];
                    for (var (index, end) = (group.FirstIndex, group.FirstIndex + group.Samples); index < end; index++)
                    {
                        var row = _corpus.RowOf(index).Row;
                        string? Value(string? column) => column is null ? null : columns[Array.IndexOf(others, column)].Label(row);
                        yield return new SetRow(
                            _corpus.Key(index),
                            rows.Image(row).ToArray(),
                            _label is null ? null : rows.Label(row),
                            HasCaptions ? Captions(rows, row) : [],
                            Value(_set.GroupBy),
                            Array.ConvertAll(_attributes, Value)
                        );
                    }
                }
                finally
                {
                    Array.ForEach(columns, column => column.Dispose());
                }
            }
        }
        finally
        {
            Array.ForEach(readers, reader => reader.Dispose());
        }
    }

    private static IReadOnlyList<string> Captions(RowGroup rows, int row) =>
        [.. rows.CaptionChoices(row)!.SelectMany(texts => texts).OfType<string>().Where(text => !string.IsNullOrWhiteSpace(text))];

    private string? Column(string name) =>
        _corpus.Columns.Select(column => column.Name).FirstOrDefault(column => column.Equals(name, StringComparison.OrdinalIgnoreCase));

    private CorpusException Missing(string column, string key) =>
        SetError.Of(
            _set.Name,
            $"{_corpus.Files[0].Path} has no column '{column}'; its columns: "
                + $"{string.Join(", ", _corpus.Columns.Select(other => other.Name))}. Correct {key}."
        );
}
