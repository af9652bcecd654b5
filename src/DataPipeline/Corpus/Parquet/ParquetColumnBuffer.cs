using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>The values of one optional BYTE_ARRAY column in the row group that is being filled.</summary>
/// <param name="name">The column's name.</param>
/// <param name="isText">UTF-8 text, or plain bytes.</param>
/// <param name="group">The struct that the column is a field of, or null; fields of one struct follow each other.</param>
internal sealed class ParquetColumnBuffer(string name, bool isText, string? group = null)
{
    private readonly SegmentedBuffer _values = new();
    private readonly List<bool> _present = [];

    public string Name => name;

    public bool IsText => isText;

    public string? Group => group;

    public int Bytes => _values.Length;

    public int Nulls { get; private set; }

    public void AddNull()
    {
        _present.Add(false);
        Nulls++;
    }

    /// <summary>Adds a value in PLAIN encoding: 4 bytes of length, then the bytes.</summary>
    public void Add(ReadOnlySpan<byte> value)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, value.Length);
        _values.Append(length);
        _values.Append(value);
        _present.Add(true);
    }

    /// <summary>Adds a text, or a null.</summary>
    public void AddText(string? text)
    {
        if (text is null)
            AddNull();
        else
            Add(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>The column chunk: one data page with its header, uncompressed.</summary>
    public void WritePage(Stream output)
    {
        var levels = DefinitionLevels();
        var header = new ArrayBufferWriter<byte>();
        var size = sizeof(int) + levels.WrittenCount + _values.Length;
        var thrift = new ThriftCompactWriter(header);
        thrift.Int32(1, 0); // type: DATA_PAGE
        thrift.Int32(2, size); // uncompressed_page_size
        thrift.Int32(3, size); // compressed_page_size
        thrift.Struct(5, () => // data_page_header
        {
            thrift.Int32(1, _present.Count); // num_values, nulls included
            thrift.Int32(2, ParquetWriter.EncodingPlain);
            thrift.Int32(3, ParquetWriter.EncodingRle); // definition levels
            thrift.Int32(4, ParquetWriter.EncodingRle); // repetition levels, of which a flat column has none
        });
        thrift.End();
        Span<byte> levelBytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(levelBytes, levels.WrittenCount);
        output.Write(header.WrittenSpan);
        output.Write(levelBytes);
        output.Write(levels.WrittenSpan);
        _values.WriteTo(output);
    }

    public void Clear()
    {
        _values.Clear();
        _present.Clear();
        Nulls = 0;
    }

    /// <summary>1 where there is a value, 0 where it is null, as runs of the RLE hybrid encoding with a bit width of 1.</summary>
    private ArrayBufferWriter<byte> DefinitionLevels()
    {
        var levels = new ArrayBufferWriter<byte>();
        for (int start = 0, end; start < _present.Count; start = end)
        {
            for (end = start + 1; end < _present.Count && _present[end] == _present[start];)
                end++;
            ThriftCompactWriter.WriteVarint(levels, (ulong)(end - start) << 1);
            levels.Write([_present[start] ? (byte)1 : (byte)0]);
        }

        return levels;
    }
}
