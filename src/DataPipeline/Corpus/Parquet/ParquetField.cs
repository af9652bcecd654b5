using ParquetSharp;
using ParquetSharp.Schema;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>The values of a column: their location, and the depth of nulls and lists.</summary>
/// <param name="Index">Column index in a row group.</param>
/// <param name="Type">Physical type of a value.</param>
/// <param name="MaxDefinition">Definition level of a present value.</param>
/// <param name="MaxRepetition">Number of enclosing lists.</param>
internal sealed record ParquetLeaf(int Index, PhysicalType Type, int MaxDefinition, int MaxRepetition);

/// <summary>A column, or a field of one, without the wrapper groups that Parquet puts around lists.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type as a DuckDB type name; <see cref="ParquetTypes.Null"/> if every value is null.</param>
/// <param name="Leaf">Its values; null for a struct.</param>
/// <param name="Fields">Fields of a struct, or of a list's structs.</param>
internal sealed record ParquetField(string Name, string Type, ParquetLeaf? Leaf, IReadOnlyList<ParquetField> Fields)
{
    public override string ToString() => $"{Name} ({Type})";
}

/// <summary>Type names as in DuckDB, which users know from its shell.</summary>
internal static class ParquetTypes
{
    public const string Bytes = "BLOB",
        Text = "VARCHAR",
        Texts = "VARCHAR[]";

    /// <summary>Type of a column in which its writer saw only nulls.</summary>
    public const string Null = "NULL";

    public static string Of(PrimitiveNode node)
    {
        using var logical = node.LogicalType;
        return logical switch
        {
            IntLogicalType integer => (integer.IsSigned ? "" : "U")
                + integer.BitWidth switch
                {
                    8 => "TINYINT",
                    16 => "SMALLINT",
                    32 => "INTEGER",
                    _ => "BIGINT",
                },
            DecimalLogicalType number => $"DECIMAL({number.Precision},{number.Scale})",
            TimestampLogicalType { IsAdjustedToUtc: true } => "TIMESTAMP WITH TIME ZONE",
            _ => logical.Type switch
            {
                LogicalTypeEnum.String or LogicalTypeEnum.Enum => Text,
                LogicalTypeEnum.Json => "JSON",
                LogicalTypeEnum.Nil => Null,
                LogicalTypeEnum.Date => "DATE",
                LogicalTypeEnum.Time => "TIME",
                LogicalTypeEnum.Timestamp => "TIMESTAMP",
                LogicalTypeEnum.Interval => "INTERVAL",
                LogicalTypeEnum.Uuid => "UUID",
                LogicalTypeEnum.Float16 => "FLOAT",
                _ => Of(node.PhysicalType),
            },
        };
    }

    private static string Of(PhysicalType type) =>
        type switch
        {
            PhysicalType.Boolean => "BOOLEAN",
            PhysicalType.Int32 => "INTEGER",
            PhysicalType.Int64 => "BIGINT",
            PhysicalType.Int96 => "TIMESTAMP",
            PhysicalType.Float => "FLOAT",
            PhysicalType.Double => "DOUBLE",
            _ => Bytes,
        };
}
