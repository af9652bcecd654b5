using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Writes one Parquet file of a corpus. The file appears under its name only after <see cref="Complete"/> has written and synced all of
/// it; disposing the writer earlier leaves nothing behind.
/// </summary>
public sealed class CorpusWriter : IDisposable
{
    /// <summary>Bytes of one column that end a row group before its row count is reached.</summary>
    private const int MaxColumnBytes = 256 << 20;

    private readonly int _rowGroupRows;
    private readonly int _columns;
    private readonly ParquetFileWriter _file;

    /// <param name="path">The file to write; an existing one is replaced.</param>
    /// <param name="rowGroupRows">Rows per row group: 100 to 500 suit images.</param>
    /// <param name="imageColumn">Name of the image column.</param>
    /// <param name="captionColumn">Name of the caption column.</param>
    /// <param name="extraColumns">Names of additional text columns, such as a label.</param>
    public CorpusWriter(
        string path,
        int rowGroupRows = 250,
        string imageColumn = "image",
        string captionColumn = "text",
        IReadOnlyList<string>? extraColumns = null
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowGroupRows);
        string[] names = [imageColumn, captionColumn, .. extraColumns ?? []];
        if (names.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"column {twice.Key} is named twice", nameof(extraColumns));
        }

        _rowGroupRows = rowGroupRows;
        _columns = names.Length;
        _file = new ParquetFileWriter(path, [.. names.Select((name, i) => new OutputColumn(name, IsText: i > 0))]);
    }

    /// <summary>Rows added so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds a row.</summary>
    /// <param name="image">The image file's bytes; empty for a row without an image.</param>
    /// <param name="caption">The caption, or null.</param>
    /// <param name="extra">Values of the additional columns, in order.</param>
    public void Add(ReadOnlySpan<byte> image, string? caption, ReadOnlySpan<string?> extra = default)
    {
        if (extra.Length != _columns - 2)
        {
            throw new ArgumentException($"{extra.Length} extra values for {_columns - 2} extra columns", nameof(extra));
        }

        if (image.IsEmpty)
        {
            _file.AddNull(0);
        }
        else
        {
            _file.Add(0, image);
        }

        _file.AddText(1, caption);
        for (var i = 0; i < extra.Length; i++)
        {
            _file.AddText(i + 2, extra[i]);
        }

        Rows++;
        _file.EndRow();
        if (_file.Pending == _rowGroupRows || Enumerable.Range(0, _columns).Any(column => _file.PendingBytes(column) >= MaxColumnBytes))
        {
            _file.Flush();
        }
    }

    /// <summary>Writes pending rows, syncs the file to disk and renames it to its final name.</summary>
    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();
}
