using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>A connection to a <see cref="Database"/>, used by one thread at a time.</summary>
public sealed class Connection : IDisposable
{
    private nint _handle;

    internal Connection(nint database)
    {
        if (NativeDuckDb.duckdb_connect(database, out _handle) != NativeDuckDb.Success)
        {
            throw new DuckDbException("DuckDB could not open a connection");
        }
    }

    /// <summary>Runs a statement and drops its result.</summary>
    /// <exception cref="DuckDbException">The statement is wrong or failed.</exception>
    public void Execute(string sql)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        var state = NativeDuckDb.duckdb_query(_handle, sql, out var result);
        try
        {
            if (state != NativeDuckDb.Success)
            {
                throw new DuckDbException(Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_result_error(ref result)) ?? sql);
            }
        }
        finally
        {
            NativeDuckDb.duckdb_destroy_result(ref result);
        }
    }

    /// <summary>Starts a query whose rows are computed as they are read. One at a time on a connection.</summary>
    /// <exception cref="DuckDbException">The statement is wrong or failed.</exception>
    public StreamingQuery Query(string sql)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        return new StreamingQuery(_handle, sql);
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            NativeDuckDb.duckdb_disconnect(ref _handle);
        }
    }
}
