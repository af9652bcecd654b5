namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Balances pairs over queries as MetaCLIP does (Xu et al. 2024, arXiv 2309.16671, algorithm 1), after the CLIP paper's 500,000
/// queries with up to 20,000 pairs each: a pair is drawn once for each query that its caption holds, with probability
/// min(1, cap / pairs of that query), and kept when one draw keeps it. So a query draws at most cap pairs on average, rare
/// queries keep all, and a pair without any query goes. Draws are functions of pair and query.
/// </summary>
/// <param name="queries">The queries.</param>
/// <param name="cap">Pairs that a query draws on average, if it has more.</param>
public sealed class QueryBalance(IReadOnlyList<string> queries, int cap)
{
    private readonly ulong[] _keys = [.. queries.Select(query => StableHash.Of(query))];
    private readonly long[] _counts = new long[queries.Count];

    /// <summary>Pairs of each query that were counted.</summary>
    public IReadOnlyList<long> Counts => _counts;

    /// <summary>Counts a pair; all must be before the first is judged.</summary>
    /// <param name="matches">The queries that its caption holds.</param>
    public void Count(IReadOnlyList<int> matches)
    {
        foreach (var query in matches)
            _counts[query]++;
    }

    /// <summary>Whether a pair is kept.</summary>
    /// <param name="pair">The pair's key.</param>
    /// <param name="matches">The queries that its caption holds.</param>
    public bool Keeps(ulong pair, IReadOnlyList<int> matches)
    {
        foreach (var query in matches)
        {
            if (StableHash.Uniform(StableHash.Combine(pair, _keys[query])) * _counts[query] < cap)
                return true;
        }

        return false;
    }
}
