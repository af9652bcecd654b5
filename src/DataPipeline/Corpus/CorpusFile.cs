using System.Text.Json.Serialization;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>One Parquet file of a corpus.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="Rows">Rows in all its row groups.</param>
/// <param name="RowGroups">Rows of each row group, in the file's order.</param>
public sealed record CorpusFile(string Path, long Bytes, long Rows, IReadOnlyList<int> RowGroups)
{
    /// <summary>Stamp of its contents when the manifest was made; null in manifests of older versions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FileStamp? Stamp { get; init; }
}

/// <summary>A column present in every file of a corpus.</summary>
/// <param name="Name">Its name as the first file spells it.</param>
/// <param name="Type">Its type in the first file, as a DuckDB type name.</param>
public sealed record CorpusColumn(string Name, string Type)
{
    public override string ToString() => $"{Name} ({Type})";
}

/// <summary>The source of a sample's image or caption.</summary>
/// <param name="Name">Name in reports: the column, or several in order of priority.</param>
/// <param name="Expression">The value read, as a SQL expression. The manifest's hash depends on it.</param>
/// <param name="Columns">The columns, or struct fields such as <c>json.caption</c>; null in manifests of older versions, which have them
/// in the name only.</param>
public sealed record CorpusSource(string Name, string Expression, IReadOnlyList<string>? Columns = null)
{
    internal IReadOnlyList<string> Addresses => Columns ?? Name.Split(", ");
}

/// <summary>A corpus of a mixture.</summary>
/// <param name="Name">Its name in reports.</param>
/// <param name="Files">Number of its files; they follow those of the parts before it in the manifest.</param>
/// <param name="Image">Source of the image bytes.</param>
/// <param name="Caption">Source of the caption; null if the corpus was opened without captions.</param>
/// <param name="CaptionChoices">All captions of a pair, a list of texts per column; empty if only <paramref name="Caption"/> is
/// read.</param>
public sealed record CorpusPart(
    string Name,
    int Files,
    CorpusSource Image,
    CorpusSource? Caption,
    IReadOnlyList<CorpusSource> CaptionChoices
);
