using System.Text;

namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>
/// Typed access to a column of a chunk. The caller knows the column's type; a row that is null (<see cref="IsNull"/>)
/// has no value to read.
/// </summary>
public readonly unsafe struct ColumnVector
{
    private readonly nint _vector;
    private readonly void* _data;
    private readonly ulong* _validity;

    internal ColumnVector(nint vector)
    {
        _vector = vector;
        _data = NativeDuckDb.duckdb_vector_get_data(vector);
        _validity = NativeDuckDb.duckdb_vector_get_validity(vector);
    }

    public bool IsNull(int row) => _validity != null && (_validity[row >> 6] >> (row & 63) & 1) == 0;

    /// <summary>The bytes of a BLOB, or of a VARCHAR as UTF-8.</summary>
    public ReadOnlySpan<byte> Bytes(int row)
    {
        var value = (NativeDuckDb.StringValue*)_data + row;
        var bytes = value->Length <= NativeDuckDb.StringValue.InlineBytes ? &value->Inline : value->Pointer;
        return new ReadOnlySpan<byte>(bytes, checked((int)value->Length));
    }

    /// <summary>A VARCHAR; null where the row is null.</summary>
    public string? Text(int row) => IsNull(row) ? null : Encoding.UTF8.GetString(Bytes(row));

    /// <summary>A BIGINT.</summary>
    public long Int64(int row) => ((long*)_data)[row];

    /// <summary>A field of a STRUCT, by its place.</summary>
    public ColumnVector StructField(int index) => new(NativeDuckDb.duckdb_struct_vector_get_child(_vector, (ulong)index));

    /// <summary>Where in <see cref="ListElements"/> the elements of a LIST lie.</summary>
    public (int Offset, int Length) ListEntry(int row)
    {
        var entry = ((NativeDuckDb.ListEntry*)_data)[row];
        return (checked((int)entry.Offset), checked((int)entry.Length));
    }

    /// <summary>The elements of all LISTs of the chunk.</summary>
    public ColumnVector ListElements() => new(NativeDuckDb.duckdb_list_vector_get_child(_vector));
}
