using System.Buffers;
using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// The pages of one optional BYTE_ARRAY column in the row group that is being gathered: data pages of version 1, PLAIN,
/// uncompressed.
/// </summary>
/// <param name="path">Its name, after the name of the optional group that holds it, if one does.</param>
/// <param name="isText">UTF-8 text rather than bytes.</param>
internal sealed class ByteArrayColumn(IReadOnlyList<string> path, bool isText)
{
    /// <summary>A page that has reached this many bytes ends; a value is never split.</summary>
    private const int PageBytes = 1 << 20;

    private readonly List<byte[]> _pages = [];
    private readonly ArrayBufferWriter<byte> _values = new();
    private readonly ArrayBufferWriter<byte> _levels = new();
    private int _rows;
    private int _runLevel;
    private int _runLength;

    public IReadOnlyList<string> Path { get; } = path;

    public bool IsText { get; } = isText;

    public void Add(ReadOnlySpan<byte> value)
    {
        AddLevel(Path.Count);
        BinaryPrimitives.WriteInt32LittleEndian(_values.GetSpan(sizeof(int)), value.Length);
        _values.Advance(sizeof(int));
        _values.Write(value);
        if (_values.WrittenCount >= PageBytes)
        {
            EndPage();
        }
    }

    /// <param name="definitionLevel">How many levels of the path are there: less than all.</param>
    public void AddNull(int definitionLevel) => AddLevel(definitionLevel);

    /// <summary>Writes the pages to the file and starts anew.</summary>
    /// <returns>The bytes written.</returns>
    public long WriteTo(Stream file)
    {
        if (_rows > 0)
        {
            EndPage();
        }

        foreach (var page in _pages)
        {
            file.Write(page);
        }

        var bytes = _pages.Sum(page => (long)page.Length);
        _pages.Clear();
        return bytes;
    }

    private void AddLevel(int level)
    {
        if (level != _runLevel)
        {
            EndRun();
        }

        _runLevel = level;
        _runLength++;
        _rows++;
    }

    /// <summary>An RLE run: its length shifted by the bit that tells it from bit packing, then the level, which fits a byte.</summary>
    private void EndRun()
    {
        if (_runLength == 0)
        {
            return;
        }

        var header = (uint)_runLength << 1;
        for (; header >= 0x80; header >>= 7)
        {
            _levels.Write([(byte)(header | 0x80)]);
        }

        _levels.Write([(byte)header, (byte)_runLevel]);
        _runLength = 0;
    }

    private void EndPage()
    {
        EndRun();
        var contentBytes = checked(sizeof(int) + _levels.WrittenCount + _values.WrittenCount);
        var header = PageHeader(contentBytes);
        var page = new byte[checked(header.Length + contentBytes)];
        header.CopyTo(page);
        var content = page.AsSpan(header.Length);
        BinaryPrimitives.WriteInt32LittleEndian(content, _levels.WrittenCount);
        _levels.WrittenSpan.CopyTo(content[sizeof(int)..]);
        _values.WrittenSpan.CopyTo(content[(sizeof(int) + _levels.WrittenCount)..]);
        _pages.Add(page);
        _levels.ResetWrittenCount();
        _values.ResetWrittenCount();
        _rows = 0;
    }

    private ReadOnlySpan<byte> PageHeader(int contentBytes)
    {
        var thrift = new ThriftCompactWriter();
        thrift.Int32(1, ParquetFormat.PageTypeData);
        thrift.Int32(2, contentBytes);
        thrift.Int32(3, contentBytes);
        thrift.Struct(5, () =>
        {
            thrift.Int32(1, _rows);
            thrift.Int32(2, ParquetFormat.EncodingPlain);
            thrift.Int32(3, ParquetFormat.EncodingRle);
            thrift.Int32(4, ParquetFormat.EncodingRle);
        });
        thrift.Stop();
        return thrift.Written;
    }
}
