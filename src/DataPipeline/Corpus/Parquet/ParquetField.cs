using ParquetSharp;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Where the values of a column lie, and how deep its nulls and lists are.</summary>
/// <param name="Index">The column's number in a row group.</param>
/// <param name="Type">What a value is on disk.</param>
/// <param name="MaxDefinition">The definition level of a value that is there.</param>
/// <param name="MaxRepetition">The number of lists around a value.</param>
internal sealed record ParquetLeaf(int Index, PhysicalType Type, int MaxDefinition, int MaxRepetition);

/// <summary>A column, or a field of one, as people see it: without the groups that Parquet wraps lists in.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type as DuckDB names it; <see cref="ParquetTypes.Null"/> where every value is null.</param>
/// <param name="Leaf">Its values; null for what has fields of its own.</param>
/// <param name="Fields">The fields of a struct, or of the structs of a list.</param>
internal sealed record ParquetField(string Name, string Type, ParquetLeaf? Leaf, IReadOnlyList<ParquetField> Fields)
{
    public override string ToString() => $"{Name} ({Type})";
}
