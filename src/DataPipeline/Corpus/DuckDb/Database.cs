using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>
/// An in-memory DuckDB that reads files. A query runs in the thread that asks (DuckDB's own pool is off) and buffers
/// little; extensions are never fetched. Any number of threads, each with its own <see cref="Connection"/>.
/// </summary>
public sealed unsafe class Database : IDisposable
{
    private nint _handle;

    /// <exception cref="CorpusException">DuckDB's library is missing.</exception>
    public Database()
    {
        RequireLibrary();
        if (NativeDuckDb.duckdb_open(null, out _handle) != NativeDuckDb.Success)
        {
            throw new DuckDbException("DuckDB could not open an in-memory database");
        }

        using var connection = Connect();
        connection.Execute("set threads = 1");
        // Without these two a scan holds the whole file in memory.
        connection.Execute("set streaming_buffer_size = '64KB'");
        connection.Execute("set enable_external_file_cache = false");
        // A row group is one query: parse a file's footer once, not at each.
        connection.Execute("set parquet_metadata_cache = true");
        connection.Execute("set autoinstall_known_extensions = false");
        connection.Execute("set autoload_known_extensions = false");
    }

    /// <summary>The version of DuckDB's library, such as "v1.5.0".</summary>
    /// <exception cref="CorpusException">The library is missing.</exception>
    public static string LibraryVersion
    {
        get
        {
            RequireLibrary();
            return Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_library_version())!;
        }
    }

    public Connection Connect()
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        return new Connection(_handle);
    }

    /// <summary>Connections that are still open stay usable; DuckDB frees the database with the last of them.</summary>
    public void Dispose()
    {
        if (_handle != 0)
        {
            NativeDuckDb.duckdb_close(ref _handle);
        }
    }

    private static void RequireLibrary()
    {
        var path = Path.Combine(AppContext.BaseDirectory, NativeDuckDb.Library);
        if (!File.Exists(path))
        {
            throw new CorpusException($"{path} is missing: run scripts/setup, which fetches DuckDB's library, and build again");
        }
    }
}
