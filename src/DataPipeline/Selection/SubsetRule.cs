using System.Globalization;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps a random share of the rows. A row's number is drawn from the seed, its file's name and its place in that file, and
/// the row is kept when that number is below the share: the 10 % are among the 30 %, also when files are added.
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
                    rows.Remove(first + row);
            }

            first += file.Rows;
        }
    }
}
