namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>Text that goes into SQL.</summary>
public static class Sql
{
    /// <summary>A string literal.</summary>
    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>A column's name.</summary>
    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>The path of one file, as a literal: characters that DuckDB would take for a glob stand for themselves.</summary>
    public static string PathLiteral(string path)
    {
        var escaped = path.Replace("[", "[[]", StringComparison.Ordinal)
            .Replace("*", "[*]", StringComparison.Ordinal)
            .Replace("?", "[?]", StringComparison.Ordinal);
        return Literal(escaped);
    }
}
