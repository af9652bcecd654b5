using DuckDB.NET.Data;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// An in-memory DuckDB that reads the files it is given and no others: it runs on the thread that calls, writes nothing, loads
/// no extensions, and no statement can change that.
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

    /// <param name="files">Full paths of the files that may be read.</param>
    public SqlSession(IEnumerable<string> files)
    {
        _connection.Open();
        // A path with signs of a pattern is looked up as it is and as the pattern that stands for it.
        var allowed = files
            .SelectMany(path => new[] { path, Sql.EscapePattern(path) })
            .Distinct(StringComparer.Ordinal)
            .Select(Sql.Literal);
        Execute(
            $"{Settings} SET allowed_paths = [{string.Join(", ", allowed)}]; SET enable_external_access = false; SET lock_configuration "
                + "= true;"
        );
    }

    /// <summary>DuckDB's version, as it tells itself.</summary>
    public string Version => _connection.ServerVersion;

    /// <summary>The rows of a query, as they come. The caller disposes the reader.</summary>
    /// <exception cref="DuckDBException">DuckDB refuses the statement, or fails while it runs.</exception>
    public IEnumerable<DuckDBDataReader> Rows(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        while (reader.Read())
            yield return reader;
    }

    public void Dispose() => _connection.Dispose();

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>The database that runs the rules, for those who report on it.</summary>
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
