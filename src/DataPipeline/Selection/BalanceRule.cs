using System.Globalization;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Balances the rows over queries. Captions are read twice, to count and to draw, so that memory does not grow with the corpus.
/// </summary>
internal sealed class BalanceRule(IReadOnlyList<string> queries, int cap, ulong seed) : ISelectionRule
{
    // "balance" in ASCII.
    private const ulong Purpose = 0x62616C616E6365;

    public string Name => string.Create(CultureInfo.InvariantCulture, $"balance over {queries.Count} queries, {cap} each");

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        if (manifest.Caption is null)
            throw new CorpusException($"{manifest.Files[0].Path} has no caption column to balance over; name it with data.caption_column");
        var matcher = new QueryMatcher(queries);
        var balance = new QueryBalance(queries, cap);
        var matches = new List<int>();
        CorpusScan.Captions(
            manifest,
            rows,
            (_, text) =>
            {
                matcher.Match(text, matches);
                balance.Count(matches);
            }
        );

        var drawSeed = StableHash.Combine(seed, Purpose);
        CorpusScan.Captions(
            manifest,
            rows,
            (place, text) =>
            {
                matcher.Match(text, matches);
                if (!balance.Keeps(RowKey.Of(drawSeed, place.File, place.Row), matches))
                    rows.Remove(place.CorpusRow);
            }
        );
    }
}
