namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// A Parquet file that is written beside its name and appears under it only when <see cref="Complete"/> has written and
/// synced all of it; disposing the writer before that leaves nothing behind.
/// </summary>
internal sealed class ParquetFileWriter : IDisposable
{
    private readonly string _path, _temporary;
    private readonly FileStream _output;
    private readonly ParquetWriter _writer;
    private int _pending;

    /// <param name="path">The file to write; one that exists is replaced.</param>
    /// <param name="columns">The columns, which the caller fills.</param>
    /// <param name="metadata">Further metadata of the file.</param>
    public ParquetFileWriter(string path, IReadOnlyList<ParquetColumn> columns, params IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        _path = Path.GetFullPath(path);
        _temporary = $"{_path}.{Guid.NewGuid():N}.tmp";
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        _output = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write);
        _writer = new ParquetWriter(_output, columns, metadata);
    }

    /// <summary>Rows that were added and not yet written as a row group.</summary>
    public int Pending => _pending;

    /// <summary>Counts a row that the caller has put into the columns.</summary>
    public void AddRow() => _pending++;

    /// <summary>Writes the pending rows as a row group.</summary>
    public void Flush()
    {
        if (_pending > 0)
            _writer.WriteRowGroup(_pending);
        _pending = 0;
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
}
