namespace ClipTrain.DataPipeline.Selection;

/// <summary>Quoting of names and paths for DuckDB.</summary>
internal static class Sql
{
    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A scan of exactly this file: its name is not a pattern and its folders are not columns.</summary>
    public static string ReadParquet(string path) => $"read_parquet({Literal(EscapePattern(path))}, hive_partitioning = false)";

    /// <summary>A pattern that matches this path only.</summary>
    public static string EscapePattern(string path) =>
        path.AsSpan().IndexOfAny("*?[") < 0
            ? path
            : path.Replace("[", "[[]", StringComparison.Ordinal)
                .Replace("*", "[*]", StringComparison.Ordinal)
                .Replace("?", "[?]", StringComparison.Ordinal);
}
