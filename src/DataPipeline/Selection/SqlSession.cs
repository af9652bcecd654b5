using DuckDB.NET.Data;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// An in-memory DuckDB that can read only the given files. It runs on the calling thread, writes nothing, loads no extensions, and no
/// statement can change that.
/// </summary>
internal sealed class SqlSession : IDisposable
{
    private const string Settings = """
        SET threads = 1;
        SET memory_limit = '2GB';
        SET autoinstall_known_extensions = false;
        SET autoload_known_extensions = false;
        SET temp_directory = '';
        """;

    private readonly DuckDBConnection _connection = new("DataSource=:memory:");

    /// <param name="files">Full paths of the readable files.</param>
    public SqlSession(IEnumerable<string> files)
    {
        _connection.Open();
        // DuckDB checks a path with pattern characters both literally and as the escaped pattern.
        var allowed = files
            .SelectMany(path => new[] { path, Sql.EscapePattern(path) })
            .Distinct(StringComparer.Ordinal)
            .Select(Sql.Literal);
        Execute(
            $"{Settings} SET allowed_paths = [{string.Join(", ", allowed)}]; SET enable_external_access = false; SET lock_configuration "
                + "= true;"
        );
    }

    /// <summary>DuckDB's version.</summary>
    public string Version => _connection.ServerVersion;

    /// <summary>Streams the rows of a query.</summary>
    /// <exception cref="DuckDBException">DuckDB rejects the statement or fails while running it.</exception>
    public IEnumerable<DuckDBDataReader> Rows(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            yield return reader;
        }
    }

    public void Dispose() => _connection.Dispose();

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>The database behind the selection rules, for diagnostics.</summary>
public static class SqlLibrary
{
    /// <summary>DuckDB's version.</summary>
    /// <exception cref="DllNotFoundException">Its native library is missing.</exception>
    public static string DuckDbVersion()
    {
        using var session = new SqlSession([]);
        return session.Version;
    }
}

/// <summary>Quoting of names and paths for DuckDB.</summary>
internal static class Sql
{
    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A scan of exactly this file: its name is not treated as a pattern and its folders are not columns.</summary>
    public static string ReadParquet(string path) => $"read_parquet({Literal(EscapePattern(path))}, hive_partitioning = false)";

    /// <summary>A pattern that matches only this path.</summary>
    public static string EscapePattern(string path) =>
        path.AsSpan().IndexOfAny("*?[") < 0
            ? path
            : path.Replace("[", "[[]", StringComparison.Ordinal)
                .Replace("*", "[*]", StringComparison.Ordinal)
                .Replace("?", "[?]", StringComparison.Ordinal);
}
