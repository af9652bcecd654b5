using System.Buffers;
using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// A column of lists of fp32 numbers, all of one length and without nulls, in Parquet's three-level form
/// (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists). DuckDB reads it as FLOAT[], Arrow as list of
/// float, from which both cast to arrays of that length.
/// </summary>
internal sealed class ParquetVectors(string name, int length) : ParquetColumn(name, group: null)
{
    private const string List = "list", Element = "element";

    public override string[] Path { get; } = [name, List, Element];

    public override IReadOnlyList<SchemaElement> Schema { get; } =
    [
        new(name, SchemaElement.Required, Children: 1, Annotation: SchemaAnnotation.List),
        new(List, SchemaElement.Repeated, Children: 1),
        new(Element, SchemaElement.Required, Type: SchemaElement.Float),
    ];

    public override int Count => Bytes / sizeof(float);

    public void Add(ReadOnlySpan<float> vector)
    {
        if (vector.Length != length)
            throw new ArgumentException($"a vector of {vector.Length} numbers in a column of {length}", nameof(vector));
        Values.Append(MemoryMarshal.AsBytes(vector));
    }

    public override void WritePage(Stream output)
    {
        var (repetition, definition) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        for (var row = 0; row < Count / length; row++)
        {
            // 0 begins a list, 1 goes on with it.
            WriteRun(repetition, 1, value: false);
            if (length > 1)
                WriteRun(repetition, length - 1, value: true);
        }

        WriteRun(definition, Count, value: true);
        WritePage(output, repetition, definition);
    }
}
