using System.Text;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Writes one Parquet file of a corpus. The file appears under its name only when <see cref="Complete"/> has written and
/// synced all of it; disposing the writer before that leaves nothing behind.
/// </summary>
public sealed class CorpusWriter : IDisposable
{
    /// <summary>A row group ends before its row count is reached when one column holds this many bytes.</summary>
    private const int MaxColumnBytes = 256 << 20;

    private readonly string _path, _temporary;
    private readonly int _rowGroupRows;
    private readonly ParquetColumnBuffer[] _columns;
    private readonly FileStream _output;
    private readonly ParquetWriter _writer;
    private int _pending;

    /// <param name="path">The file to write; one that exists is replaced.</param>
    /// <param name="rowGroupRows">Rows of a row group: 100 to 500 suit images.</param>
    /// <param name="imageColumn">Name of the column of encoded images.</param>
    /// <param name="captionColumn">Name of the column of captions.</param>
    /// <param name="extraColumns">Names of further text columns, such as a label.</param>
    public CorpusWriter(string path, int rowGroupRows = 250, string imageColumn = "image", string captionColumn = "text", IReadOnlyList<string>? extraColumns = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowGroupRows);
        string[] names = [imageColumn, captionColumn, .. extraColumns ?? []];
        if (names.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"column {twice.Key} is named twice", nameof(extraColumns));
        _path = Path.GetFullPath(path);
        _temporary = $"{_path}.{Guid.NewGuid():N}.tmp";
        _rowGroupRows = rowGroupRows;
        _columns = [.. names.Select((name, i) => new ParquetColumnBuffer(name, isText: i > 0))];
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        _output = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write);
        _writer = new ParquetWriter(_output, _columns);
    }

    /// <summary>Rows added so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds a row.</summary>
    /// <param name="image">The image file's bytes; empty for a row without.</param>
    /// <param name="caption">The caption, or null.</param>
    /// <param name="extra">The values of the extra columns, in their order.</param>
    public void Add(ReadOnlySpan<byte> image, string? caption, ReadOnlySpan<string?> extra = default)
    {
        if (extra.Length != _columns.Length - 2)
            throw new ArgumentException($"{extra.Length} extra values for {_columns.Length - 2} extra columns", nameof(extra));
        if (image.IsEmpty)
            _columns[0].AddNull();
        else
            _columns[0].Add(image);
        AddText(_columns[1], caption);
        for (var i = 0; i < extra.Length; i++)
            AddText(_columns[i + 2], extra[i]);
        Rows++;
        _pending++;
        if (_pending == _rowGroupRows || _columns.Any(c => c.Bytes >= MaxColumnBytes))
            Flush();
    }

    /// <summary>Writes what is left, syncs the file to disk and gives it its name.</summary>
    public void Complete()
    {
        Flush();
        _writer.Finish();
        _output.Flush(flushToDisk: true);
        _output.Dispose();
        File.Move(_temporary, _path, overwrite: true);
    }

    public void Dispose()
    {
        _output.Dispose();
        File.Delete(_temporary);
    }

    private static void AddText(ParquetColumnBuffer column, string? text)
    {
        if (text is null)
            column.AddNull();
        else
            column.Add(Encoding.UTF8.GetBytes(text));
    }

    private void Flush()
    {
        if (_pending > 0)
            _writer.WriteRowGroup(_pending);
        _pending = 0;
    }
}
