namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>What a schema's node says of itself beside its physical type.</summary>
internal enum SchemaAnnotation
{
    None,
    Text,
    List,
}

/// <summary>A node of a file's schema: a column, or a group with children; the root is a group without repetition.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Repetition">One of the constants here.</param>
/// <param name="Children">How many nodes follow that are its.</param>
/// <param name="Type">A column's physical type.</param>
/// <param name="Annotation">How it is meant.</param>
internal sealed record SchemaElement(string Name, int? Repetition, int Children = 0, int? Type = null, SchemaAnnotation Annotation = SchemaAnnotation.None)
{
    // Numbers of parquet.thrift.
    public const int Required = 0, Optional = 1, Repeated = 2;
    public const int Int64 = 2, Float = 4, ByteArray = 6;

    private const int ConvertedUtf8 = 0, ConvertedList = 3, LogicalString = 1, LogicalList = 3;

    public void Write(ThriftCompactWriter thrift)
    {
        if (Type is { } type)
            thrift.Int32(1, type);
        if (Repetition is { } repetition)
            thrift.Int32(3, repetition);
        thrift.Text(4, Name);
        if (Type is null)
            thrift.Int32(5, Children); // num_children
        if (Annotation == SchemaAnnotation.None)
            return;
        var (converted, logical) = Annotation == SchemaAnnotation.Text ? (ConvertedUtf8, LogicalString) : (ConvertedList, LogicalList);
        thrift.Int32(6, converted);
        thrift.Struct(10, () => thrift.Struct(logical, () => { })); // logicalType
    }
}
