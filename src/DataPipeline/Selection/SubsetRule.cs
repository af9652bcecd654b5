using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps a random share of the rows. Each row draws a number from the seed, its file's name and its row in that file, and is kept if the
/// number is below the share: a subset of 10 % is contained in one of 30 %, also when files are added.
/// </summary>
internal sealed record SubsetRule(double Share, ulong Seed) : ISelectionRule
{
    // "subset" in ASCII.
    private const ulong Purpose = 0x737562736574;

    public string Name => string.Create(CultureInfo.InvariantCulture, $"subset {Share}");

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        var seed = StableHash.Combine(Seed, Purpose);
        long first = 0;
        foreach (var file in manifest.Files)
        {
            for (long row = 0; row < file.Rows; row++)
            {
                if (StableHash.Uniform(RowKey.Of(seed, file, row)) >= Share)
                {
                    rows.Remove(first + row);
                }
            }

            first += file.Rows;
        }
    }
}

/// <summary>A row's key for random draws; independent of the corpus's folder and of its other files.</summary>
internal static class RowKey
{
    /// <summary>The key of a row.</summary>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="file">The row's file.</param>
    /// <param name="row">The row in the file.</param>
    public static ulong Of(ulong seed, CorpusFile file, long row) =>
        StableHash.Combine(StableHash.Combine(seed, StableHash.Of(Path.GetFileName(file.Path.AsSpan()))), (ulong)row);
}
