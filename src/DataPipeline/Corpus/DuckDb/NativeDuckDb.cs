using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>The part of DuckDB's C API (duckdb.h) that queries need.</summary>
internal static unsafe partial class NativeDuckDb
{
    /// <summary>A relative path is looked up beside the assembly.</summary>
    public const string Library = "native/libduckdb.so";

    public const int Success = 0;

    /// <summary>duckdb_result, passed by value to <see cref="duckdb_fetch_chunk"/>; opaque here.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Result
    {
        private readonly ulong _columns, _rows, _rowsChanged;
        private readonly nint _deprecatedColumns, _deprecatedError, _data;
    }

    /// <summary>duckdb_string_t: 12 bytes or fewer lie inline after the length; of a longer one 4 bytes of prefix and a pointer.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 16)]
    public struct StringValue
    {
        public const uint InlineBytes = 12;

        [FieldOffset(0)] public uint Length;
        [FieldOffset(4)] public byte Inline;
        [FieldOffset(8)] public byte* Pointer;
    }

    /// <summary>duckdb_list_entry: a slice of the list's child vector.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ListEntry
    {
        public ulong Offset, Length;
    }

    [LibraryImport(Library)]
    public static partial nint duckdb_library_version();

    [LibraryImport(Library)]
    public static partial int duckdb_open(byte* path, out nint database);

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
    public static partial int duckdb_execute_prepared_streaming(nint statement, out Result result);

    [LibraryImport(Library)]
    public static partial nint duckdb_result_error(ref Result result);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_result(ref Result result);

    [LibraryImport(Library)]
    public static partial nint duckdb_fetch_chunk(Result result);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_data_chunk(ref nint chunk);

    [LibraryImport(Library)]
    public static partial ulong duckdb_data_chunk_get_size(nint chunk);

    [LibraryImport(Library)]
    public static partial nint duckdb_data_chunk_get_vector(nint chunk, ulong column);

    [LibraryImport(Library)]
    public static partial void* duckdb_vector_get_data(nint vector);

    [LibraryImport(Library)]
    public static partial ulong* duckdb_vector_get_validity(nint vector);

    [LibraryImport(Library)]
    public static partial nint duckdb_struct_vector_get_child(nint vector, ulong field);

    [LibraryImport(Library)]
    public static partial nint duckdb_list_vector_get_child(nint vector);
}
