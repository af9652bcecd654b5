using ParquetSharp;
using ParquetSharp.Schema;
using Encoding = System.Text.Encoding;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>A column to write.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsText">True for UTF-8 text, false for bytes.</param>
/// <param name="Group">The struct that contains it, or null; fields of one struct are adjacent.</param>
/// <param name="IsList">True if a row has a list of values.</param>
internal sealed record OutputColumn(string Name, bool IsText, string? Group = null, bool IsList = false);

/// <summary>
/// Writes bytes and texts as an uncompressed Parquet file with exactly the requested row groups. The file appears under its name only
/// after <see cref="Complete"/> has written and synced all of it; disposing the writer earlier leaves nothing behind.
/// </summary>
internal sealed unsafe class ParquetFileWriter : IDisposable
{
    /// <summary>Longer values get no minimum and maximum in the footer: two captions of a megabyte would make a footer of four.</summary>
    private const int MaxStatisticsBytes = 64;

    private readonly string _path,
        _temporary;
    private readonly IReadOnlyList<OutputColumn> _columns;
    private readonly long[] _bytes;
    private readonly ParquetSharp.ParquetFileWriter _writer;
    private RowGroupWriter? _group;
    private ColumnWriter<ByteArray>[] _open = [];

    /// <param name="path">The file to write; an existing one is replaced.</param>
    /// <param name="columns">The columns, in order.</param>
    /// <param name="metadata">Key-value metadata, such as Hugging Face's features.</param>
    public ParquetFileWriter(string path, IReadOnlyList<OutputColumn> columns, params IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        _path = Path.GetFullPath(path);
        _temporary = $"{_path}.{Guid.NewGuid():N}.tmp";
        (_columns, _bytes) = (columns, new long[columns.Count]);
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        using var builder = new WriterPropertiesBuilder();
        using var properties = builder
            .CreatedBy("ClipTrain")
            .Compression(Compression.Uncompressed)
            .DisableDictionary()
            .SetMaxStatisticsSize(MaxStatisticsBytes)
            .Build();
        using var schema = Schema(columns);
        _writer = Written(() =>
            new ParquetSharp.ParquetFileWriter(_temporary, schema, properties, metadata.ToDictionary(StringComparer.Ordinal))
        );
    }

    /// <summary>Rows added but not yet written as a row group.</summary>
    public int Pending { get; private set; }

    /// <summary>Bytes of a column's pending values.</summary>
    public long PendingBytes(int column) => _bytes[column];

    /// <summary>Adds a null.</summary>
    public void AddNull(int column) => Write(column, level: 0, default);

    /// <summary>Adds a value to a column without lists.</summary>
    public void Add(int column, ReadOnlySpan<byte> value) => Write(column, level: 1, value);

    /// <summary>Adds a text, or a null.</summary>
    public void AddText(int column, string? text)
    {
        if (text is null)
        {
            AddNull(column);
        }
        else
        {
            Add(column, Encoding.UTF8.GetBytes(text));
        }
    }

    /// <summary>Adds a row's texts to a column of lists.</summary>
    public void AddTexts(int column, IReadOnlyList<string> texts)
    {
        if (texts.Count == 0)
        {
            Write(column, level: 1, default);
        }

        for (var i = 0; i < texts.Count; i++)
        {
            Write(column, level: 3, Encoding.UTF8.GetBytes(texts[i]), isFirst: i == 0);
        }
    }

    /// <summary>Ends a row after its values have been added.</summary>
    public void EndRow() => Pending++;

    /// <summary>Writes the pending rows as a row group.</summary>
    public void Flush()
    {
        if (_group is not null)
        {
            Written(CloseGroup);
        }

        Pending = 0;
        Array.Clear(_bytes);
    }

    /// <summary>Writes pending rows, syncs the file to disk and renames it to its final name.</summary>
    public void Complete()
    {
        Flush();
        Written(_writer.Close);
        _writer.Dispose();
        using (var file = File.OpenHandle(_temporary, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(file);
        }

        File.Move(_temporary, _path, overwrite: true);
    }

    public void Dispose()
    {
        foreach (var column in _open)
        {
            column.Dispose();
        }

        _group?.Dispose();
        _writer.Dispose();
        File.Delete(_temporary);
    }

    private void Write(int column, short level, ReadOnlySpan<byte> value, bool isFirst = true)
    {
        if (_group is null)
        {
            Written(OpenGroup);
        }

        var isThere = level == (_columns[column].IsList ? 3 : 1);
        fixed (byte* bytes = value)
        {
            var address = (nint)bytes;
            var length = value.Length;
            Written(() =>
                _open[column].WriteBatch(1, [level], [(short)(isFirst ? 0 : 1)], isThere ? [new ByteArray(address, length)] : [])
            );
        }

        _bytes[column] += value.Length;
    }

    private void OpenGroup()
    {
        _group = _writer.AppendBufferedRowGroup();
        _open = [.. _columns.Select((_, i) => (ColumnWriter<ByteArray>)_group.Column(i))];
    }

    private void CloseGroup()
    {
        foreach (var column in _open)
        {
            column.Dispose();
        }

        _open = [];
        _group!.Close();
        _group.Dispose();
        _group = null;
    }

    private void Written(Action write) =>
        Written(() =>
        {
            write();
            return true;
        });

    /// <summary>Translates the library's exceptions, which on writing come from the disk.</summary>
    private T Written<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (ParquetException e)
        {
            throw new IOException($"{_path} cannot be written: {ParquetFailure.Reason(e)}", e);
        }
    }

    private static GroupNode Schema(IReadOnlyList<OutputColumn> columns)
    {
        var nodes = new List<Node>();
        var i = 0;
        while (i < columns.Count)
        {
            var column = columns[i];
            OutputColumn[] fields = column.Group is null ? [column] : [.. columns.Skip(i).TakeWhile(other => other.Group == column.Group)];
            nodes.Add(
                column switch
                {
                    { Group: { } group } => new GroupNode(group, Repetition.Required, [.. fields.Select(Leaf)]),
                    { IsList: true } => List(column),
                    _ => Leaf(column),
                }
            );
            i += fields.Length;
        }

        return new GroupNode("schema", Repetition.Required, nodes);
    }

    private static Node Leaf(OutputColumn column) => Leaf(column.Name, column.IsText);

    private static Node Leaf(string name, bool isText)
    {
        using var type = isText ? LogicalType.String() : LogicalType.None();
        return new PrimitiveNode(name, Repetition.Optional, type, PhysicalType.ByteArray);
    }

    private static Node List(OutputColumn column)
    {
        using var type = LogicalType.List();
        return new GroupNode(
            column.Name,
            Repetition.Optional,
            [new GroupNode("list", Repetition.Repeated, [Leaf("element", column.IsText)])],
            type
        );
    }
}
