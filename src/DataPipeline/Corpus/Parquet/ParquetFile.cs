using ParquetSharp;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// Receives the value of a row; the bytes are valid until it returns. Nulls are skipped; list elements come one by one.
/// </summary>
internal delegate void VisitValue(int row, ReadOnlySpan<byte> value);

/// <summary>
/// An open Parquet file, read page by page so that memory does not grow with the row group. Not thread-safe. Exceptions that damaged
/// files cause in the library are translated by <see cref="ParquetFailure"/>.
/// </summary>
internal sealed unsafe class ParquetFile : IDisposable
{
    private const int Batch = 256;

    private readonly ReaderProperties _properties = ReaderProperties.GetDefaultReaderProperties();
    private readonly ParquetFileReader _file;
    private readonly Dictionary<int, Cursor> _cursors = [];
    private readonly ByteArray[] _values = new ByteArray[Batch];
    private readonly short[] _definition = new short[Batch],
        _repetition = new short[Batch];
    private RowGroupReader? _group;
    private int _groupNumber;

    public ParquetFile(string path)
    {
        _properties.EnableBufferedStream();
        try
        {
            _file = new ParquetFileReader(path, _properties);
            using var metadata = _file.FileMetaData;
            Fields = ParquetSchemaTree.Fields(metadata.Schema);
            Metadata = metadata.KeyValueMetadata;
            RowGroupCount = metadata.NumRowGroups;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The columns, in order.</summary>
    public IReadOnlyList<ParquetField> Fields { get; }

    /// <summary>Key-value metadata, such as Hugging Face's features.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Number of row groups.</summary>
    public int RowGroupCount { get; }

    /// <summary>Rows of a row group.</summary>
    public int Rows(int group)
    {
        using var reader = _file.RowGroup(group);
        return checked((int)reader.MetaData.NumRows);
    }

    /// <summary>
    /// Visits the values of rows <paramref name="first"/> to <paramref name="first"/> + <paramref name="rows"/> − 1 of a row group,
    /// numbered from <paramref name="first"/>.
    /// </summary>
    /// <param name="group">The row group.</param>
    /// <param name="leaf">A column of bytes or text, or of lists of these.</param>
    public void Read(int group, ParquetLeaf leaf, int first, int rows, VisitValue visit)
    {
        try
        {
            if (leaf.MaxRepetition == 0)
            {
                ReadFlat(group, leaf, first, rows, visit);
            }
            else
            {
                ReadLists(group, leaf, first, rows, visit);
            }
        }
        catch
        {
            Leave();
            throw;
        }
    }

    /// <summary>The values of rows in a row group, of any type: lists become arrays.</summary>
    public object?[] ReadAny(int group, ParquetLeaf leaf, int first, int rows)
    {
        using var reader = _file.RowGroup(group);
        using var column = reader.Column(leaf.Index);
        using var logical = column.LogicalReader();
        return logical.Apply(new AnyValues(first, rows));
    }

    public void Dispose()
    {
        Leave();
        _file?.Dispose();
        _properties.Dispose();
    }

    private void ReadFlat(int group, ParquetLeaf leaf, int first, int rows, VisitValue visit)
    {
        Enter(group);
        if (!_cursors.TryGetValue(leaf.Index, out var cursor) || cursor.Next > first)
        {
            cursor?.Column.Dispose();
            _cursors[leaf.Index] = cursor = new Cursor((ColumnReader<ByteArray>)_group!.Column(leaf.Index));
        }

        var skipped = cursor.Column.Skip(first - cursor.Next);
        if (skipped != first - cursor.Next)
        {
            throw new InvalidDataException($"a column of row group {group} ends before row {first}");
        }

        cursor.Next = first;
        while (cursor.Next < first + rows)
        {
            var levels = (int)
                cursor.Column.ReadBatch(Math.Min(Batch, first + rows - cursor.Next), _definition, _repetition, _values, out var values);
            if (levels == 0)
            {
                throw new InvalidDataException($"a column of row group {group} ends after {cursor.Next} rows");
            }

            var value = 0;
            for (var i = 0; i < levels; i++)
            {
                if (leaf.MaxDefinition == 0 || _definition[i] == leaf.MaxDefinition)
                {
                    visit(cursor.Next + i - first, Bytes(value++, values));
                }
            }

            cursor.Next += levels;
        }
    }

    /// <summary>Reads from the start of the column: a row has any number of values, so rows cannot be skipped.</summary>
    private void ReadLists(int group, ParquetLeaf leaf, int first, int rows, VisitValue visit)
    {
        Enter(group);
        using var column = (ColumnReader<ByteArray>)_group!.Column(leaf.Index);
        var row = -1;
        while (row < first + rows && column.HasNext)
        {
            var levels = (int)column.ReadBatch(Batch, _definition, _repetition, _values, out var values);
            if (levels == 0)
            {
                break;
            }

            var value = 0;
            for (var i = 0; i < levels; i++)
            {
                if (_repetition[i] == 0)
                {
                    row++;
                }

                if (_definition[i] < leaf.MaxDefinition)
                {
                    continue;
                }

                var bytes = Bytes(value++, values);
                if (row >= first && row < first + rows)
                {
                    visit(row - first, bytes);
                }
            }
        }

        if (row < first + rows - 1)
        {
            throw new InvalidDataException($"a column of row group {group} ends after {row + 1} rows");
        }
    }

    private ReadOnlySpan<byte> Bytes(int value, long count) =>
        value < count
            ? new ReadOnlySpan<byte>((void*)_values[value].Pointer, _values[value].Length)
            : throw new InvalidDataException("the levels of a column do not match its values");

    /// <summary>Opens a row group. Its columns stay open, so that sequential reads continue where the last one ended.</summary>
    private void Enter(int group)
    {
        if (_group is not null && _groupNumber == group)
        {
            return;
        }

        Leave();
        (_group, _groupNumber) = (_file.RowGroup(group), group);
    }

    private void Leave()
    {
        foreach (var cursor in _cursors.Values)
        {
            cursor.Column.Dispose();
        }

        _cursors.Clear();
        _group?.Dispose();
        _group = null;
    }

    private sealed class Cursor(ColumnReader<ByteArray> column)
    {
        public ColumnReader<ByteArray> Column => column;

        /// <summary>The next row to read.</summary>
        public int Next { get; set; }
    }

    private sealed class AnyValues(int first, int rows) : ILogicalColumnReaderVisitor<object?[]>
    {
        public object?[] OnLogicalColumnReader<TValue>(LogicalColumnReader<TValue> columnReader)
        {
            if (first > 0)
            {
                columnReader.Skip(first);
            }

            var values = new TValue[rows];
            var done = 0;
            while (done < rows)
            {
                var got = columnReader.ReadBatch(values.AsSpan(done));
                done += got > 0 ? got : throw new InvalidDataException($"a column ends after {first + done} rows");
            }

            return Array.ConvertAll(values, value => (object?)value);
        }
    }
}

/// <summary>The most recently used files, kept open because opening one reads its whole footer.</summary>
internal sealed class OpenParquetFiles : IDisposable
{
    /// <summary>Well below a process's limit of open files, and enough for the files of most shuffle windows.</summary>
    private const int MaxOpen = 64;

    private readonly LinkedList<(string Path, ParquetFile File)> _open = new();

    public ParquetFile Get(string path)
    {
        for (var node = _open.First; node is not null; node = node.Next)
        {
            if (node.Value.Path != path)
            {
                continue;
            }

            _open.Remove(node);
            _open.AddFirst(node);
            return node.Value.File;
        }

        var file = new ParquetFile(path);
        _open.AddFirst((path, file));
        if (_open.Count > MaxOpen)
        {
            _open.Last!.Value.File.Dispose();
            _open.RemoveLast();
        }

        return file;
    }

    public void Dispose()
    {
        foreach (var (_, file) in _open)
        {
            file.Dispose();
        }

        _open.Clear();
    }
}
