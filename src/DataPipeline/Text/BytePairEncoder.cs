namespace ClipTrain.DataPipeline.Text;

/// <summary>Turns a piece of text into tokens by applying merges, earliest in the list first and from left to right.</summary>
internal sealed class BytePairEncoder(MergeList list)
{
    /// <summary>Up to this length, repeated search of all pairs is faster than a queue.</summary>
    private const int ShortPiece = 64;

    private readonly MergeTable _merged = new(list);

    /// <summary>The piece's bytes as tokens, the last one marked as the end of the word.</summary>
    public static void Bytes(ReadOnlySpan<byte> piece, Span<int> tokens)
    {
        for (var i = 0; i < piece.Length; i++)
        {
            tokens[i] = ByteAlphabet.Token(piece[i]);
        }

        tokens[piece.Length - 1] += ByteAlphabet.Size;
    }

    /// <summary>The tokens of a nonempty piece.</summary>
    /// <param name="piece">UTF-8.</param>
    /// <param name="tokens">Receives the tokens; at least as long as the piece.</param>
    /// <returns>The number of tokens.</returns>
    public int Encode(ReadOnlySpan<byte> piece, Span<int> tokens)
    {
        Bytes(piece, tokens);
        return piece.Length <= ShortPiece ? MergeShort(tokens[..piece.Length]) : MergeLong(tokens[..piece.Length]);
    }

    /// <summary>Merges in O(n²) time without allocation.</summary>
    internal int MergeShort(Span<int> tokens)
    {
        Span<int> merged = stackalloc int[tokens.Length];
        for (var i = 0; i + 1 < tokens.Length; i++)
        {
            merged[i] = _merged.Find(tokens[i], tokens[i + 1]);
        }

        var count = tokens.Length;
        while (count > 1)
        {
            // Tokens are numbered in merge order: the smallest token is the earliest merge.
            var at = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                if (merged[i] < merged[at])
                {
                    at = i;
                }
            }

            if (merged[at] == int.MaxValue)
            {
                break;
            }

            tokens[at] = merged[at];
            tokens[(at + 2)..count].CopyTo(tokens[(at + 1)..]);
            merged[(at + 1)..count].CopyTo(merged[at..]);
            count--;
            if (at > 0)
            {
                merged[at - 1] = _merged.Find(tokens[at - 1], tokens[at]);
            }

            if (at + 1 < count)
            {
                merged[at] = _merged.Find(tokens[at], tokens[at + 1]);
            }
        }

        return count;
    }

    /// <summary>The same in O(n log n) time, so that a long word does no harm.</summary>
    internal int MergeLong(Span<int> tokens)
    {
        var next = new int[tokens.Length];
        var previous = new int[tokens.Length];
        var candidates = new PriorityQueue<(int At, int Left, int Right), (int Token, int At)>();
        for (var i = 0; i < tokens.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            Consider(i, tokens);
        }

        while (candidates.TryDequeue(out var pair, out var priority))
        {
            // Stale if one of the two tokens has been merged since.
            var (at, other) = (pair.At, next[pair.At]);
            if (tokens[at] != pair.Left || other >= tokens.Length || tokens[other] != pair.Right)
            {
                continue;
            }

            tokens[at] = priority.Token;
            tokens[other] = -1;
            next[at] = next[other];
            if (next[at] < tokens.Length)
            {
                previous[next[at]] = at;
            }

            Consider(at, tokens);
            if (previous[at] >= 0)
            {
                Consider(previous[at], tokens);
            }
        }

        var count = 0;
        foreach (var token in tokens)
        {
            if (token >= 0)
            {
                tokens[count++] = token;
            }
        }

        return count;

        void Consider(int at, ReadOnlySpan<int> tokens)
        {
            if (next[at] < tokens.Length && _merged.Find(tokens[at], tokens[next[at]]) is var token and < int.MaxValue)
            {
                candidates.Enqueue((at, tokens[at], tokens[next[at]]), (token, at));
            }
        }
    }
}
