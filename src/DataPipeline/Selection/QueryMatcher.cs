namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Finds the queries that occur in a caption, as whole words and ignoring case; characters that are neither letters nor digits separate
/// words. A trie over words: the time per caption does not grow with the number of queries. Thread-safe.
/// </summary>
public sealed class QueryMatcher
{
    private const int Root = 0,
        NoQuery = -1;

    private readonly Dictionary<string, int> _words = new(StringComparer.Ordinal);
    private readonly Dictionary<(int Node, int Word), int> _next = [];

    /// <summary>The query that ends at a node.</summary>
    private readonly List<int> _ends = [NoQuery];

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    /// <param name="queries">Queries of one or several words. Of queries with the same words the first matches; a query without words
    /// never does.</param>
    public QueryMatcher(IReadOnlyList<string> queries)
    {
        _lookup = _words.GetAlternateLookup<ReadOnlySpan<char>>();
        var words = new List<int>();
        for (var query = 0; query < queries.Count; query++)
        {
            words.Clear();
            Split(
                queries[query],
                text =>
                {
                    if (!_lookup.TryGetValue(text, out var word))
                    {
                        _words.Add(text.ToString(), word = _words.Count);
                    }

                    words.Add(word);
                }
            );
            var node = words.Aggregate(Root, Child);
            if (_ends[node] == NoQuery && node != Root)
            {
                _ends[node] = query;
            }
        }
    }

    /// <summary>Writes the indices of the queries that occur in a caption, each once, ascending.</summary>
    public void Match(ReadOnlySpan<char> caption, List<int> queries)
    {
        queries.Clear();
        var words = new List<int>();
        Split(caption, text => words.Add(_lookup.TryGetValue(text, out var word) ? word : -1));
        for (var start = 0; start < words.Count; start++)
        {
            var node = Root;
            for (var i = start; i < words.Count && _next.TryGetValue((node, words[i]), out node); i++)
            {
                if (_ends[node] != NoQuery)
                {
                    queries.Add(_ends[node]);
                }
            }
        }

        queries.Sort();
        var distinct = 0;
        for (var i = 0; i < queries.Count; i++)
        {
            if (i == 0 || queries[i] != queries[i - 1])
            {
                queries[distinct++] = queries[i];
            }
        }

        queries.RemoveRange(distinct, queries.Count - distinct);
    }

    private int Child(int node, int word)
    {
        if (_next.TryGetValue((node, word), out var child))
        {
            return child;
        }

        _ends.Add(NoQuery);
        _next.Add((node, word), _ends.Count - 1);
        return _ends.Count - 1;
    }

    private static void Split(ReadOnlySpan<char> text, Action<ReadOnlySpan<char>> onWord)
    {
        var lower = text.Length <= 512 ? stackalloc char[text.Length] : new char[text.Length];
        text.ToLowerInvariant(lower);
        var i = 0;
        while (i < lower.Length)
        {
            var end = i;
            while (end < lower.Length && char.IsLetterOrDigit(lower[end]))
            {
                end++;
            }

            if (end > i)
            {
                onWord(lower[i..end]);
            }

            i = end + 1;
        }
    }
}
