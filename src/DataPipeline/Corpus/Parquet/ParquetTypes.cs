using ParquetSharp;
using ParquetSharp.Schema;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Types as DuckDB names them, which users know from its shell.</summary>
internal static class ParquetTypes
{
    public const string Bytes = "BLOB",
        Text = "VARCHAR",
        Texts = "VARCHAR[]";

    /// <summary>The type of a column that its writer knew no value of.</summary>
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
