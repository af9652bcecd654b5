using System.Buffers;
using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>The values of one column in the row group that is being filled.</summary>
/// <param name="name">The column's name.</param>
/// <param name="group">The struct that the column is a field of, or null; fields of one struct follow each other.</param>
internal abstract class ParquetColumn(string name, string? group)
{
    public string Name => name;

    public string? Group => group;

    /// <summary>The names from the root to the values.</summary>
    public virtual string[] Path => group is null ? [name] : [group, name];

    /// <summary>The column's nodes of the schema, each before its children.</summary>
    public abstract IReadOnlyList<SchemaElement> Schema { get; }

    /// <summary>Bytes of the values.</summary>
    public int Bytes => Values.Length;

    /// <summary>Values and nulls; the elements, where a value is a list.</summary>
    public abstract int Count { get; }

    public virtual int Nulls => 0;

    /// <summary>The values in PLAIN encoding.</summary>
    protected SegmentedBuffer Values { get; } = new();

    /// <summary>The column chunk: one data page with its header, uncompressed.</summary>
    public abstract void WritePage(Stream output);

    public virtual void Clear() => Values.Clear();

    /// <summary>A run of the RLE hybrid encoding with a bit width of 1.</summary>
    protected static void WriteRun(IBufferWriter<byte> levels, int length, bool value)
    {
        ThriftCompactWriter.WriteVarint(levels, (ulong)length << 1);
        levels.Write([value ? (byte)1 : (byte)0]);
    }

    /// <param name="output">Where the page goes.</param>
    /// <param name="levels">Repetition and definition levels, those of the two that the column has.</param>
    protected void WritePage(Stream output, params ReadOnlySpan<ArrayBufferWriter<byte>> levels)
    {
        var size = Values.Length;
        foreach (var level in levels)
            size += sizeof(int) + level.WrittenCount;
        var header = new ArrayBufferWriter<byte>();
        var thrift = new ThriftCompactWriter(header);
        thrift.Int32(1, 0); // type: DATA_PAGE
        thrift.Int32(2, size); // uncompressed_page_size
        thrift.Int32(3, size); // compressed_page_size
        thrift.Struct(5, () => // data_page_header
        {
            thrift.Int32(1, Count); // num_values, nulls included
            thrift.Int32(2, ParquetWriter.EncodingPlain);
            thrift.Int32(3, ParquetWriter.EncodingRle); // definition levels
            thrift.Int32(4, ParquetWriter.EncodingRle); // repetition levels
        });
        thrift.End();
        output.Write(header.WrittenSpan);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var level in levels)
        {
            BinaryPrimitives.WriteInt32LittleEndian(length, level.WrittenCount);
            output.Write(length);
            output.Write(level.WrittenSpan);
        }

        Values.WriteTo(output);
    }
}
