using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>A row's key for draws: it does not change with the folder that the corpus lies in, nor with its other files.</summary>
internal static class RowKey
{
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="file">The row's file.</param>
    /// <param name="row">The row in the file.</param>
    public static ulong Of(ulong seed, CorpusFile file, long row) =>
        StableHash.Combine(StableHash.Combine(seed, StableHash.Of(Path.GetFileName(file.Path.AsSpan()))), (ulong)row);
}
