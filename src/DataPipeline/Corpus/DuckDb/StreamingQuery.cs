using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>The rows of a query, a chunk (up to 2,048 rows) at a time.</summary>
public sealed class StreamingQuery : IDisposable
{
    private nint _statement;
    private NativeDuckDb.Result _result;
    private nint _chunk;

    internal StreamingQuery(nint connection, string sql)
    {
        if (NativeDuckDb.duckdb_prepare(connection, sql, out _statement) != NativeDuckDb.Success)
        {
            var message = Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_prepare_error(_statement)) ?? sql;
            NativeDuckDb.duckdb_destroy_prepare(ref _statement);
            throw new DuckDbException(message);
        }

        if (NativeDuckDb.duckdb_execute_prepared_streaming(_statement, out _result) != NativeDuckDb.Success)
        {
            var message = ResultError() ?? sql;
            Dispose();
            throw new DuckDbException(message);
        }
    }

    /// <summary>Rows in the current chunk.</summary>
    public int Count { get; private set; }

    /// <summary>Moves to the next chunk; what columns of the one before pointed at is gone. False after the last.</summary>
    /// <exception cref="DuckDbException">The query failed under way.</exception>
    public bool NextChunk()
    {
        ObjectDisposedException.ThrowIf(_statement == 0, this);
        DestroyChunk();
        _chunk = NativeDuckDb.duckdb_fetch_chunk(_result);
        if (_chunk == 0)
        {
            return ResultError() is { } message ? throw new DuckDbException(message) : false;
        }

        Count = (int)NativeDuckDb.duckdb_data_chunk_get_size(_chunk);
        return Count > 0;
    }

    /// <summary>A column of the current chunk, valid until the next.</summary>
    public ColumnVector Column(int index) =>
        new(NativeDuckDb.duckdb_data_chunk_get_vector(_chunk, (ulong)index));

    public void Dispose()
    {
        if (_statement == 0)
        {
            return;
        }

        DestroyChunk();
        NativeDuckDb.duckdb_destroy_result(ref _result);
        NativeDuckDb.duckdb_destroy_prepare(ref _statement);
        _statement = 0;
    }

    private string? ResultError()
    {
        var message = Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_result_error(ref _result));
        return string.IsNullOrEmpty(message) ? null : message;
    }

    private void DestroyChunk()
    {
        Count = 0;
        if (_chunk != 0)
        {
            NativeDuckDb.duckdb_destroy_data_chunk(ref _chunk);
            _chunk = 0;
        }
    }
}
