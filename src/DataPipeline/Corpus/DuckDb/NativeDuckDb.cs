using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>The part of DuckDB's C API that reading a corpus needs.</summary>
internal static unsafe partial class NativeDuckDb
{
    /// <summary>A relative path is looked up beside the assembly.</summary>
    private const string Library = "native/libduckdb.so";

    /// <summary><c>duckdb_result</c>: opaque, passed by value to some functions.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Result
    {
        private ulong _columnCount, _rowCount, _rowsChanged;
        private nint _columns, _errorMessage, _data;
    }

    /// <summary><c>duckdb_string_t</c>: up to 12 bytes lie in the struct itself, longer ones behind a pointer.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 16)]
    public struct StringValue
    {
        [FieldOffset(0)]
        public uint Length;

        [FieldOffset(4)]
        public fixed byte Inlined[12];

        [FieldOffset(8)]
        public byte* Pointer;

        public const int MaxInlined = 12;
    }

    /// <summary><c>duckdb_list_entry</c>: where a row's items lie in the child vector.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ListEntry
    {
        public ulong Offset, Length;
    }

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_open(string? path, out nint database);

    [LibraryImport(Library)]
    public static partial void duckdb_close(ref nint database);

    [LibraryImport(Library)]
    public static partial int duckdb_connect(nint database, out nint connection);

    [LibraryImport(Library)]
    public static partial void duckdb_disconnect(ref nint connection);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_query(nint connection, string sql, out Result result);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_prepare(nint connection, string sql, out nint statement);

    [LibraryImport(Library)]
    public static partial nint duckdb_prepare_error(nint statement);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_prepare(ref nint statement);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_int64(nint statement, ulong index, long value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_bind_varchar(nint statement, ulong index, string value);

    [LibraryImport(Library)]
    public static partial int duckdb_execute_prepared_streaming(nint statement, out Result result);

    [LibraryImport(Library)]
    public static partial nint duckdb_result_error(ref Result result);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_result(ref Result result);

    [LibraryImport(Library)]
    public static partial nint duckdb_fetch_chunk(Result result);

    [LibraryImport(Library)]
    public static partial ulong duckdb_data_chunk_get_size(nint chunk);

    [LibraryImport(Library)]
    public static partial nint duckdb_data_chunk_get_vector(nint chunk, ulong column);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_data_chunk(ref nint chunk);

    [LibraryImport(Library)]
    public static partial nint duckdb_vector_get_data(nint vector);

    [LibraryImport(Library)]
    public static partial ulong* duckdb_vector_get_validity(nint vector);

    [LibraryImport(Library)]
    public static partial nint duckdb_list_vector_get_child(nint vector);
}
