using ParquetSharp;
using ParquetSharp.Schema;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// Builds fields from a file's schema. Lists come in several forms; the rules are those of
/// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists.
/// </summary>
internal sealed class ParquetSchemaTree
{
    /// <summary>Deeper than any real schema, so that a damaged one cannot exhaust the stack.</summary>
    private const int MaxDepth = 64;

    private readonly SchemaDescriptor _schema;
    private int _leaves,
        _depth;

    private ParquetSchemaTree(SchemaDescriptor schema) => _schema = schema;

    /// <summary>The columns of a file, in order.</summary>
    /// <exception cref="InvalidDataException">The schema is too deep.</exception>
    public static IReadOnlyList<ParquetField> Fields(SchemaDescriptor schema)
    {
        using var root = schema.GroupNode;
        return new ParquetSchemaTree(schema).Children(root);
    }

    private List<ParquetField> Children(GroupNode group)
    {
        if (++_depth > MaxDepth)
        {
            throw new InvalidDataException($"its schema is more than {MaxDepth} levels deep");
        }

        var fields = new List<ParquetField>();
        foreach (var node in group.Fields)
        {
            using (node)
            {
                fields.Add(Field(node));
            }
        }

        _depth--;
        return fields;
    }

    private ParquetField Field(Node node)
    {
        var field = node is GroupNode group ? Group(group) : Primitive((PrimitiveNode)node);
        // A repeated field outside a list or map is a list by itself.
        return node.Repetition == Repetition.Repeated ? ListOf(node.Name, field) : field;
    }

    private ParquetField Primitive(PrimitiveNode node)
    {
        var column = _schema.Column(_leaves);
        return new ParquetField(
            node.Name,
            ParquetTypes.Of(node),
            new ParquetLeaf(_leaves++, column.PhysicalType, column.MaxDefinitionLevel, column.MaxRepetitionLevel),
            []
        );
    }

    private ParquetField Group(GroupNode group)
    {
        using var logical = group.LogicalType;
        var fields = Children(group);
        if (logical.Type == LogicalTypeEnum.List && fields is [var repeated])
        {
            return ListOf(group.Name, Element(group.Name, repeated));
        }

        if (logical.Type == LogicalTypeEnum.Map && fields is [{ Fields: [var key, var value] }])
        {
            return new ParquetField(group.Name, $"MAP({key.Type}, {value.Type})", Leaf: null, [key, value]);
        }

        return new ParquetField(group.Name, StructType(fields), Leaf: null, fields);
    }

    /// <summary>The element of a list from its repeated field, which <see cref="Field"/> has turned into a list.</summary>
    private static ParquetField Element(string list, ParquetField repeated)
    {
        var isWrapper = repeated.Leaf is null && repeated.Fields.Count == 1 && repeated.Name != "array" && repeated.Name != list + "_tuple";
        return isWrapper
            ? repeated.Fields[0]
            : repeated with
            {
                Type = repeated.Type.EndsWith("[]", StringComparison.Ordinal) ? repeated.Type[..^2] : repeated.Type,
            };
    }

    private static ParquetField ListOf(string name, ParquetField element) =>
        new(name, element.Type == ParquetTypes.Null ? ParquetTypes.Null : element.Type + "[]", element.Leaf, element.Fields);

    private static string StructType(IEnumerable<ParquetField> fields) =>
        $"STRUCT({string.Join(", ", fields.Select(f => $"{f.Name} {f.Type}"))})";
}
