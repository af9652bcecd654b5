using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>A column of 64-bit integers without nulls.</summary>
internal sealed class ParquetIntegers(string name) : ParquetColumn(name, group: null)
{
    public override IReadOnlyList<SchemaElement> Schema { get; } = [new(name, SchemaElement.Required, Type: SchemaElement.Int64)];

    public override int Count => Bytes / sizeof(long);

    public void Add(long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        Values.Append(bytes);
    }

    public override void WritePage(Stream output) => WritePage(output, levels: []);
}
