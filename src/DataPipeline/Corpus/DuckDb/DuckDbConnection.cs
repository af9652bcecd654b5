using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>
/// An in-memory DuckDB and one connection to it. Not thread-safe: each thread that reads opens its own, which runs on that
/// thread alone, writes no files and loads no extensions.
/// </summary>
internal sealed class DuckDbConnection : IDisposable
{
    // A streamed result otherwise buffers whole files ahead of its reader.
    private const string Settings = """
        SET threads = 1;
        SET streaming_buffer_size = '64KB';
        SET parquet_metadata_cache = true;
        SET autoinstall_known_extensions = false;
        SET autoload_known_extensions = false;
        SET temp_directory = '';
        """;

    private nint _database, _connection;

    /// <exception cref="DllNotFoundException">DuckDB's library is not where scripts/setup puts it.</exception>
    public DuckDbConnection()
    {
        try
        {
            if (NativeDuckDb.duckdb_open(path: null, out _database) != 0)
                throw new DuckDbException("DuckDB could not open an in-memory database");
        }
        catch (DllNotFoundException e)
        {
            var expected = Path.Combine(AppContext.BaseDirectory, "native", "libduckdb.so");
            throw new DllNotFoundException($"{expected} is missing or cannot be loaded; run scripts/setup, which fetches DuckDB. ({e.Message})", e);
        }

        if (NativeDuckDb.duckdb_connect(_database, out _connection) != 0)
        {
            Dispose();
            throw new DuckDbException("DuckDB refused a connection to its in-memory database");
        }

        Execute(Settings);
    }

    /// <summary>Runs statements whose result does not matter.</summary>
    public void Execute(string sql)
    {
        var failed = NativeDuckDb.duckdb_query(_connection, sql, out var result) != 0;
        var error = failed ? Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_result_error(ref result)) : null;
        NativeDuckDb.duckdb_destroy_result(ref result);
        if (failed)
            throw new DuckDbException(error ?? "unknown DuckDB error");
    }

    /// <summary>From now on no file but these can be opened, whatever a statement says.</summary>
    public void OpenOnly(IEnumerable<string> paths) => Execute(
        $"SET allowed_paths = [{string.Join(", ", paths.Select(Sql.Literal))}]; SET enable_external_access = false; SET lock_configuration = true;");

    /// <summary>Runs one statement and streams its rows. The parameters <c>?</c> are strings or 64-bit integers.</summary>
    public DuckDbResult Query(string sql, params ReadOnlySpan<object> parameters)
    {
        nint statement = 0;
        try
        {
            if (NativeDuckDb.duckdb_prepare(_connection, sql, out statement) != 0)
                throw new DuckDbException(Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_prepare_error(statement)) ?? "unknown DuckDB error");
            for (var i = 0; i < parameters.Length; i++)
                Bind(statement, i + 1, parameters[i]);
            return new DuckDbResult(statement);
        }
        finally
        {
            // The result keeps what it needs of the statement.
            NativeDuckDb.duckdb_destroy_prepare(ref statement);
        }
    }

    private static void Bind(nint statement, int index, object value)
    {
        var failed = value switch
        {
            long number => NativeDuckDb.duckdb_bind_int64(statement, (ulong)index, number),
            string text => NativeDuckDb.duckdb_bind_varchar(statement, (ulong)index, text),
            _ => throw new ArgumentException($"parameter {index} is a {value.GetType().Name}; only strings and 64-bit integers can be bound", nameof(value)),
        } != 0;
        if (failed)
            throw new DuckDbException($"DuckDB refused parameter {index} ({value})");
    }

    public void Dispose()
    {
        NativeDuckDb.duckdb_disconnect(ref _connection);
        NativeDuckDb.duckdb_close(ref _database);
    }
}
