namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Where a column of a row group lies in the file.</summary>
internal readonly record struct ColumnChunk(long Offset, long Bytes);

/// <summary>A row group that has been written, its chunks in the order of columns.</summary>
internal sealed record WrittenRowGroup(int Rows, IReadOnlyList<ColumnChunk> Chunks);

/// <summary>The FileMetaData struct of a Parquet file.</summary>
internal static class ParquetFileMetadata
{
    private const string CreatedBy = "ClipTrain";

    public static ReadOnlySpan<byte> Write(IReadOnlyList<ByteArrayColumn> columns, IReadOnlyList<WrittenRowGroup> rowGroups)
    {
        var thrift = new ThriftCompactWriter();
        thrift.Int32(1, 1);
        thrift.StructList(2, SchemaElements(columns), element => WriteElement(thrift, element));
        thrift.Int64(3, rowGroups.Sum(group => (long)group.Rows));
        thrift.StructList(4, rowGroups, group => WriteRowGroup(thrift, columns, group));
        thrift.String(6, CreatedBy);
        thrift.Stop();
        return thrift.Written;
    }

    /// <summary>The schema's tree in depth-first order; columns of a group stand side by side.</summary>
    private static List<SchemaElement> SchemaElements(IReadOnlyList<ByteArrayColumn> columns)
    {
        var elements = new List<SchemaElement> { new("schema", columns.Select(column => column.Path[0]).Distinct(StringComparer.Ordinal).Count(), null, IsRoot: true) };
        foreach (var column in columns)
        {
            var group = column.Path[0];
            if (column.Path.Count > 1 && elements.TrueForAll(element => !string.Equals(element.Name, group, StringComparison.Ordinal)))
            {
                elements.Add(new(group, columns.Count(c => c.Path.Count > 1 && string.Equals(c.Path[0], group, StringComparison.Ordinal)), null));
            }

            elements.Add(new(column.Path[^1], 0, column));
        }

        return elements;
    }

    private static void WriteElement(ThriftCompactWriter thrift, SchemaElement element)
    {
        if (element.Column is not null)
        {
            thrift.Int32(1, ParquetFormat.TypeByteArray);
        }

        if (!element.IsRoot)
        {
            thrift.Int32(3, ParquetFormat.RepetitionOptional);
        }

        thrift.String(4, element.Name);
        if (element.Column is null)
        {
            thrift.Int32(5, element.Children);
        }
        else if (element.Column.IsText)
        {
            thrift.Int32(6, ParquetFormat.ConvertedUtf8);
            thrift.Struct(10, () => thrift.Struct(1, () => { }));
        }
    }

    private static void WriteRowGroup(ThriftCompactWriter thrift, IReadOnlyList<ByteArrayColumn> columns, WrittenRowGroup group)
    {
        thrift.StructList(1, [.. columns.Zip(group.Chunks)], pair =>
        {
            var (column, chunk) = pair;
            thrift.Int64(2, chunk.Offset);
            thrift.Struct(3, () =>
            {
                thrift.Int32(1, ParquetFormat.TypeByteArray);
                thrift.Int32List(2, ParquetFormat.EncodingPlain, ParquetFormat.EncodingRle);
                thrift.StringList(3, column.Path);
                thrift.Int32(4, ParquetFormat.CodecUncompressed);
                thrift.Int64(5, group.Rows);
                thrift.Int64(6, chunk.Bytes);
                thrift.Int64(7, chunk.Bytes);
                thrift.Int64(9, chunk.Offset);
            });
        });
        thrift.Int64(2, group.Chunks.Sum(chunk => chunk.Bytes));
        thrift.Int64(3, group.Rows);
    }

    /// <summary>A leaf with its column, or a group (the root too) with its number of children.</summary>
    private sealed record SchemaElement(string Name, int Children, ByteArrayColumn? Column, bool IsRoot = false);
}
