using System.Text.Json.Serialization;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>A Parquet file of a corpus.</summary>
/// <param name="Path">Its full path.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="RowGroupRows">The rows of each of its row groups.</param>
/// <param name="FooterSha256">The SHA-256 of its Parquet footer, which holds schema, places and statistics of all columns.</param>
public sealed record CorpusFile(string Path, long Bytes, IReadOnlyList<int> RowGroupRows, string FooterSha256)
{
    [JsonIgnore]
    public long Rows { get; } = RowGroupRows.Sum(rows => (long)rows);
}
