using System.Runtime.InteropServices;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>
/// A streamed result, a chunk of rows at a time. Values are read by column and row of the current chunk; the bytes that
/// <see cref="Bytes"/> gives are DuckDB's own and end with the chunk.
/// </summary>
internal sealed unsafe class DuckDbResult : IDisposable
{
    private NativeDuckDb.Result _result;
    private nint _chunk;

    internal DuckDbResult(nint statement)
    {
        if (NativeDuckDb.duckdb_execute_prepared_streaming(statement, out _result) == 0)
            return;
        var error = Error();
        Dispose();
        throw new DuckDbException(error ?? "unknown DuckDB error");
    }

    /// <summary>Rows of the current chunk.</summary>
    public int Rows { get; private set; }

    /// <summary>Moves to the next chunk; false at the end.</summary>
    public bool NextChunk()
    {
        NativeDuckDb.duckdb_destroy_data_chunk(ref _chunk);
        _chunk = NativeDuckDb.duckdb_fetch_chunk(_result);
        Rows = _chunk == 0 ? 0 : (int)NativeDuckDb.duckdb_data_chunk_get_size(_chunk);
        // No chunk means the end or an error; only the message tells which.
        if (_chunk == 0 && Error() is { Length: > 0 } error)
            throw new DuckDbException(error);
        return Rows > 0;
    }

    public bool IsNull(int column, int row) => IsNull(Vector(column), row);

    /// <summary>A BIGINT.</summary>
    public long Int64(int column, int row) => ((long*)NativeDuckDb.duckdb_vector_get_data(Vector(column)))[row];

    /// <summary>A BLOB, or a VARCHAR's UTF-8.</summary>
    public ReadOnlySpan<byte> Bytes(int column, int row) => Bytes(Vector(column), row);

    /// <summary>A VARCHAR; null where it is NULL.</summary>
    public string? Text(int column, int row) => IsNull(column, row) ? null : Encoding.UTF8.GetString(Bytes(column, row));

    /// <summary>A VARCHAR[]; empty where it is NULL.</summary>
    public string?[] Texts(int column, int row)
    {
        if (IsNull(column, row))
            return [];
        var list = ((NativeDuckDb.ListEntry*)NativeDuckDb.duckdb_vector_get_data(Vector(column)))[row];
        var items = NativeDuckDb.duckdb_list_vector_get_child(Vector(column));
        var texts = new string?[list.Length];
        for (var i = 0; i < texts.Length; i++)
            texts[i] = IsNull(items, (long)list.Offset + i) ? null : Encoding.UTF8.GetString(Bytes(items, (long)list.Offset + i));
        return texts;
    }

    public void Dispose()
    {
        NativeDuckDb.duckdb_destroy_data_chunk(ref _chunk);
        NativeDuckDb.duckdb_destroy_result(ref _result);
    }

    private static bool IsNull(nint vector, long row)
    {
        var validity = NativeDuckDb.duckdb_vector_get_validity(vector);
        return validity != null && (validity[row >> 6] & (1UL << (int)(row & 63))) == 0;
    }

    private static ReadOnlySpan<byte> Bytes(nint vector, long row)
    {
        var value = (NativeDuckDb.StringValue*)NativeDuckDb.duckdb_vector_get_data(vector) + row;
        var data = value->Length <= NativeDuckDb.StringValue.MaxInlined ? value->Inlined : value->Pointer;
        return new ReadOnlySpan<byte>(data, checked((int)value->Length));
    }

    private nint Vector(int column) => NativeDuckDb.duckdb_data_chunk_get_vector(_chunk, (ulong)column);

    private string? Error() => Marshal.PtrToStringUTF8(NativeDuckDb.duckdb_result_error(ref _result));
}
