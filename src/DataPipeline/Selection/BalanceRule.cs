using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Balances rows over queries. Captions are read twice, to count and to draw, so that memory does not grow with the corpus.
/// </summary>
internal sealed class BalanceRule(IReadOnlyList<string> queries, int cap, ulong seed) : ISelectionRule
{
    // "balance" in ASCII.
    private const ulong Purpose = 0x62616C616E6365;

    public string Name => string.Create(CultureInfo.InvariantCulture, $"balance over {queries.Count} queries, {cap} each");

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        if (manifest.Caption is null)
        {
            throw new CorpusException(
                $"{manifest.Files[0].Path} has no caption column for data.balance; name one with data.caption_column"
            );
        }

        var matcher = new QueryMatcher(queries);
        var balance = new QueryBalance(queries, cap);
        var matches = new List<int>();
        foreach (var row in CorpusScan.Rows(manifest, CorpusContent.Captions, row => rows[row]))
        {
            matcher.Match(row.Caption ?? "", matches);
            balance.Count(matches);
        }

        var drawSeed = StableHash.Combine(seed, Purpose);
        foreach (var row in CorpusScan.Rows(manifest, CorpusContent.Captions, row => rows[row]))
        {
            matcher.Match(row.Caption ?? "", matches);
            if (!balance.Keeps(RowKey.Of(drawSeed, row.File, row.Row), matches))
            {
                rows.Remove(row.CorpusRow);
            }
        }
    }
}

/// <summary>
/// MetaCLIP's balancing (Xu et al. 2024, arXiv 2309.16671, algorithm 1), after the CLIP paper's 500,000 queries with up to 20,000 pairs
/// each. A pair is drawn once for each query in its caption, with probability min(1, cap / pairs of that query), and kept if any draw
/// keeps it. On average a query draws at most cap pairs; rare queries keep all their pairs; a pair without any query is dropped. Draws
/// are functions of pair and query.
/// </summary>
/// <param name="queries">The queries.</param>
/// <param name="cap">Average number of pairs drawn by a query that has more.</param>
public sealed class QueryBalance(IReadOnlyList<string> queries, int cap)
{
    private readonly ulong[] _keys = [.. queries.Select(query => StableHash.Of(query))];
    private readonly long[] _counts = new long[queries.Count];

    /// <summary>Number of pairs counted for each query.</summary>
    public IReadOnlyList<long> Counts => _counts;

    /// <summary>Counts a pair. All pairs must be counted before the first call of <see cref="Keeps"/>.</summary>
    /// <param name="matches">Queries in its caption.</param>
    public void Count(IReadOnlyList<int> matches)
    {
        foreach (var query in matches)
        {
            _counts[query]++;
        }
    }

    /// <summary>True if a pair is kept.</summary>
    /// <param name="pair">The pair's key.</param>
    /// <param name="matches">Queries in its caption.</param>
    public bool Keeps(ulong pair, IReadOnlyList<int> matches)
    {
        foreach (var query in matches)
        {
            if (StableHash.Uniform(StableHash.Combine(pair, _keys[query])) * _counts[query] < cap)
            {
                return true;
            }
        }

        return false;
    }
}
