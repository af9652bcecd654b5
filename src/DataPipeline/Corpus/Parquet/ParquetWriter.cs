using System.Buffers;
using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// Writes a Parquet file, some of whose columns may be fields of structs: PLAIN encoding, uncompressed, one page a column chunk
/// (https://github.com/apache/parquet-format). Its row groups are exactly as large as asked; DuckDB's own writer rounds
/// them up to 2,048 rows, too many for random access to images.
/// </summary>
internal sealed class ParquetWriter
{
    public const int EncodingPlain = 0, EncodingRle = 3;
    private const int CodecUncompressed = 0;

    private readonly Stream _output;
    private readonly IReadOnlyList<ParquetColumn> _columns;
    private readonly IReadOnlyList<KeyValuePair<string, string>> _metadata;
    private readonly List<RowGroupMetadata> _rowGroups = [];

    /// <param name="output">Where the file goes, from its beginning.</param>
    /// <param name="columns">The columns, which the caller fills.</param>
    /// <param name="metadata">Further metadata of the file, such as Hugging Face's features.</param>
    public ParquetWriter(Stream output, IReadOnlyList<ParquetColumn> columns, params IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        (_output, _columns, _metadata) = (output, columns, metadata);
        output.Write("PAR1"u8);
    }

    /// <summary>Writes what the columns hold as one row group of so many rows, and empties them.</summary>
    public void WriteRowGroup(int rows)
    {
        var chunks = new List<ChunkMetadata>();
        foreach (var column in _columns)
        {
            var offset = _output.Position;
            column.WritePage(_output);
            chunks.Add(new ChunkMetadata(column.Path, column.Schema[^1].Type!.Value, offset, _output.Position - offset, column.Count, column.Nulls));
            column.Clear();
        }

        _rowGroups.Add(new RowGroupMetadata(rows, chunks));
    }

    /// <summary>Writes the metadata, which ends the file.</summary>
    public void Finish()
    {
        var footer = new ArrayBufferWriter<byte>();
        WriteFileMetadata(new ThriftCompactWriter(footer));
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, footer.WrittenCount);
        _output.Write(footer.WrittenSpan);
        _output.Write(length);
        _output.Write("PAR1"u8);
    }

    // The numbers are the field ids of parquet.thrift.
    private void WriteFileMetadata(ThriftCompactWriter thrift)
    {
        thrift.Int32(1, 1); // version
        thrift.StructList(2, Schema(), element => element.Write(thrift));
        thrift.Int64(3, _rowGroups.Sum(g => (long)g.Rows)); // num_rows
        thrift.StructList(4, _rowGroups, rowGroup => WriteRowGroupMetadata(thrift, rowGroup));
        if (_metadata.Count > 0)
            thrift.StructList(5, _metadata, pair => WriteKeyValue(thrift, pair)); // key_value_metadata
        thrift.Text(6, "ClipTrain"); // created_by
        thrift.End();
    }

    /// <summary>The schema's tree, each node before its children.</summary>
    private List<SchemaElement> Schema()
    {
        var elements = new List<SchemaElement>();
        var topLevel = 0;
        for (var i = 0; i < _columns.Count; i++)
        {
            var group = _columns[i].Group;
            var isFirst = group is null || i == 0 || _columns[i - 1].Group != group;
            if (isFirst)
                topLevel++;
            // A struct is always there; only its fields may be null.
            if (isFirst && group is not null)
                elements.Add(new SchemaElement(group, SchemaElement.Required, _columns.Count(c => c.Group == group)));
            elements.AddRange(_columns[i].Schema);
        }

        return [new SchemaElement("schema", Repetition: null, topLevel), .. elements];
    }

    private static void WriteKeyValue(ThriftCompactWriter thrift, KeyValuePair<string, string> pair)
    {
        thrift.Text(1, pair.Key);
        thrift.Text(2, pair.Value);
    }

    private static void WriteRowGroupMetadata(ThriftCompactWriter thrift, RowGroupMetadata rowGroup)
    {
        var bytes = rowGroup.Chunks.Sum(c => c.Bytes);
        thrift.StructList(1, rowGroup.Chunks, chunk => WriteChunkMetadata(thrift, chunk));
        thrift.Int64(2, bytes); // total_byte_size
        thrift.Int64(3, rowGroup.Rows); // num_rows
        thrift.Int64(5, rowGroup.Chunks[0].Offset); // file_offset
        thrift.Int64(6, bytes); // total_compressed_size
    }

    private static void WriteChunkMetadata(ThriftCompactWriter thrift, ChunkMetadata chunk)
    {
        thrift.Int64(2, chunk.Offset); // file_offset
        thrift.Struct(3, () => // meta_data
        {
            thrift.Int32(1, chunk.Type);
            thrift.Int32List(2, EncodingPlain, EncodingRle);
            thrift.TextList(3, chunk.Path); // path_in_schema
            thrift.Int32(4, CodecUncompressed);
            thrift.Int64(5, chunk.Values); // num_values
            thrift.Int64(6, chunk.Bytes); // total_uncompressed_size
            thrift.Int64(7, chunk.Bytes); // total_compressed_size
            thrift.Int64(9, chunk.Offset); // data_page_offset
            thrift.Struct(12, () => thrift.Int64(3, chunk.Nulls)); // statistics: null_count
        });
    }

    private sealed record ChunkMetadata(string[] Path, int Type, long Offset, long Bytes, int Values, int Nulls);

    private sealed record RowGroupMetadata(int Rows, IReadOnlyList<ChunkMetadata> Chunks);
}
