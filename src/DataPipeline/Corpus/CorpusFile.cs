using System.Text.Json.Serialization;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>One Parquet file of a corpus.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="Rows">Rows in all its row groups.</param>
/// <param name="RowGroups">Rows of each row group, in the file's order.</param>
public sealed record CorpusFile(string Path, long Bytes, long Rows, IReadOnlyList<int> RowGroups)
{
    /// <summary>What its bytes were when it was looked at; null in manifests of versions that did not look.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FileStamp? Stamp { get; init; }
}

/// <summary>A column that every file of a corpus has.</summary>
/// <param name="Name">Its name as the first file spells it.</param>
/// <param name="Type">Its type in the first file, as DuckDB names it.</param>
public sealed record CorpusColumn(string Name, string Type)
{
    public override string ToString() => $"{Name} ({Type})";
}

/// <summary>Where a sample's image or caption comes from.</summary>
/// <param name="Name">The column, or several in the order of their priority, as reports name them.</param>
/// <param name="Expression">What is read of them, as SQL says it: the manifest's hash depends on it.</param>
/// <param name="Columns">The columns, a field of a struct as in <c>json.caption</c>; a manifest of earlier versions has them in the
/// name alone.</param>
public sealed record CorpusSource(string Name, string Expression, IReadOnlyList<string>? Columns = null)
{
    internal IReadOnlyList<string> Addresses => Columns ?? Name.Split(", ");
}

/// <summary>A corpus of a mixture.</summary>
/// <param name="Name">Its name in reports.</param>
/// <param name="Files">How many of the manifest's files are its; they follow those of the parts before it.</param>
/// <param name="Image">Where the image bytes are in them.</param>
/// <param name="Caption">Where the caption is; null if the corpus was opened without.</param>
/// <param name="CaptionChoices">All captions of a pair, a list of texts a column; empty where <paramref name="Caption"/> is it.</param>
public sealed record CorpusPart(
    string Name,
    int Files,
    CorpusSource Image,
    CorpusSource? Caption,
    IReadOnlyList<CorpusSource> CaptionChoices
);
