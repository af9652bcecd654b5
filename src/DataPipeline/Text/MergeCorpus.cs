using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Words with counts, in which the most frequent pair of tokens is merged repeatedly. A merge visits only the words that contain its pair
/// and updates the counts of the pairs around it.
/// </summary>
internal sealed class MergeCorpus
{
    private readonly List<string> _symbols = [.. ByteAlphabet.Symbols];
    private readonly HashSet<string> _known = new(ByteAlphabet.Symbols, StringComparer.Ordinal);
    private readonly List<Word> _words = [];
    private readonly Dictionary<(int Left, int Right), Pair> _pairs = [];
    private readonly PriorityQueue<(int Left, int Right), (long MinusCount, int Left, int Right)> _queue = new();
    private readonly HashSet<(int Left, int Right)> _made = [];

    public MergeCorpus(IReadOnlyDictionary<string, long> pieces)
    {
        foreach (var (piece, count) in pieces)
        {
            var bytes = Encoding.UTF8.GetBytes(piece);
            var word = new Word(new int[bytes.Length], count);
            BytePairEncoder.Bytes(bytes, word.Tokens);
            for (var i = 0; i + 1 < word.Length; i++)
            {
                Add(word.Tokens[i], word.Tokens[i + 1], count, _words.Count);
            }

            _words.Add(word);
        }

        Enqueue();
    }

    /// <summary>Merges the most frequent pair everywhere; null if none occurs twice.</summary>
    public Merge? MergeNext()
    {
        while (_queue.TryDequeue(out var pair, out var priority))
        {
            // A queued pair's count can only have decreased: a merge creates only pairs with the new token.
            var count = _pairs[pair].Count;
            if (count != -priority.MinusCount)
            {
                Enqueue(pair, count);
                continue;
            }

            var merge = new Merge(_symbols[pair.Left], _symbols[pair.Right]);
            var symbol = merge.Left + merge.Right;
            if (!_known.Add(symbol))
            {
                continue;
            }

            _symbols.Add(symbol);
            Apply(pair);
            return merge;
        }

        return null;
    }

    private void Apply((int Left, int Right) pair)
    {
        _pairs.Remove(pair, out var places);
        foreach (var place in places.Words)
        {
            Merge(pair, _symbols.Count - 1, place);
        }

        Enqueue();
    }

    /// <summary>Replaces a pair in one word from left to right, and updates the counts of its neighbours.</summary>
    private void Merge((int Left, int Right) pair, int token, int place)
    {
        ref var word = ref CollectionsMarshal.AsSpan(_words)[place];
        var (tokens, count) = (word.Tokens, word.Count);
        var kept = 0;
        for (var i = 0; i < word.Length; i++)
        {
            if (i + 1 == word.Length || tokens[i] != pair.Left || tokens[i + 1] != pair.Right)
            {
                tokens[kept++] = tokens[i];
                continue;
            }

            if (kept > 0)
            {
                Subtract((tokens[kept - 1], pair.Left), count);
                Add(tokens[kept - 1], token, count, place);
            }

            i++;
            if (i + 1 < word.Length)
            {
                Subtract((pair.Right, tokens[i + 1]), count);
                Add(token, tokens[i + 1], count, place);
            }

            tokens[kept++] = token;
        }

        word.Length = kept;
    }

    private void Add(int left, int right, long count, int place)
    {
        ref var pair = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, (left, right), out var known);
        if (!known)
        {
            pair.Words = [];
            _made.Add((left, right));
        }

        pair.Count += count;
        // A pair's words are recorded in a single pass, during its newer token's merge, so duplicates of a word are adjacent.
        if (pair.Words is not [.., var last] || last != place)
        {
            pair.Words.Add(place);
        }
    }

    /// <summary>Lowers a pair's count; the pair being merged is no longer counted.</summary>
    private void Subtract((int Left, int Right) pair, long count)
    {
        ref var counted = ref CollectionsMarshal.GetValueRefOrNullRef(_pairs, pair);
        if (!Unsafe.IsNullRef(ref counted))
        {
            counted.Count -= count;
        }
    }

    private void Enqueue()
    {
        foreach (var pair in _made)
        {
            Enqueue(pair, _pairs[pair].Count);
        }

        _made.Clear();
    }

    private void Enqueue((int Left, int Right) pair, long count)
    {
        if (count > 1)
        {
            _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
        }
    }

    private struct Word(int[] tokens, long count)
    {
        public readonly int[] Tokens = tokens;
        public readonly long Count = count;
        public int Length = tokens.Length;
    }

    private struct Pair
    {
        public long Count;
        public List<int> Words;
    }
}
