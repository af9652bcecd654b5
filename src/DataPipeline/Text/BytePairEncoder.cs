using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>Turns a piece of text into tokens by applying merges, earliest in the list first and from left to right.</summary>
internal sealed class BytePairEncoder
{
    private readonly Dictionary<(int Left, int Right), int> _merged;

    public BytePairEncoder(MergeList list)
    {
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var symbol in ByteAlphabet.Symbols)
            tokens.Add(symbol, tokens.Count);
        _merged = new Dictionary<(int, int), int>(list.Merges.Count);
        foreach (var (left, right) in list.Merges)
        {
            _merged.Add((tokens[left], tokens[right]), tokens.Count);
            tokens.Add(left + right, tokens.Count);
        }
    }

    /// <summary>The piece's bytes as tokens, the last one marked as the end of the word.</summary>
    public static int[] Bytes(ReadOnlySpan<char> piece)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, bytes);
        var tokens = Array.ConvertAll(bytes, ByteAlphabet.Token);
        tokens[^1] += ByteAlphabet.Size;
        return tokens;
    }

    /// <summary>The tokens of a piece that is not empty. Takes n log n time for n bytes, so that a long word does no harm.</summary>
    public int[] Encode(ReadOnlySpan<char> piece)
    {
        var tokens = Bytes(piece);
        var next = new int[tokens.Length];
        var previous = new int[tokens.Length];

        // A merge's token grows with its place in the list: the smallest token is the earliest merge, then the leftmost place.
        var candidates = new PriorityQueue<(int At, int Left, int Right), (int Token, int At)>();
        for (var i = 0; i < tokens.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            Consider(i);
        }

        while (candidates.TryDequeue(out var pair, out var priority))
        {
            // The place may have been merged otherwise since.
            var (at, other) = (pair.At, next[pair.At]);
            if (tokens[at] != pair.Left || other >= tokens.Length || tokens[other] != pair.Right)
                continue;
            tokens[at] = priority.Token;
            tokens[other] = -1;
            next[at] = next[other];
            if (next[at] < tokens.Length)
                previous[next[at]] = at;
            Consider(at);
            if (previous[at] >= 0)
                Consider(previous[at]);
        }

        return Array.FindAll(tokens, t => t >= 0);

        void Consider(int at)
        {
            if (next[at] < tokens.Length && _merged.TryGetValue((tokens[at], tokens[next[at]]), out var token))
                candidates.Enqueue((at, tokens[at], tokens[next[at]]), (token, at));
        }
    }
}
