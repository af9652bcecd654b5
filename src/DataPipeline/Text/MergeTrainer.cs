using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Text;

/// <summary>Learns a vocabulary from captions, so that a small corpus can have a small one: byte-pair encoding by frequency (Sennrich et al. 2016) over the pieces that the tokenizer will see.</summary>
public static class MergeTrainer
{
    /// <summary>
    /// Learns up to <paramref name="merges"/> merges; fewer when no pair of symbols occurs twice any more. Equal counts are
    /// decided by the order of the tokens, so the same captions in any order give the same list.
    /// </summary>
    public static MergeList Learn(IEnumerable<string> captions, int merges)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(merges);
        return new Learner(CountPieces(captions)).Run(merges);
    }

    private static Dictionary<string, long> CountPieces(IEnumerable<string> captions)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var caption in captions)
        {
            foreach (var piece in new PieceScanner(CaptionNormalizer.Normalize(caption)))
            {
                if (piece is not (PieceScanner.StartOfText or PieceScanner.EndOfText))
                    CollectionsMarshal.GetValueRefOrAddDefault(lookup, piece, out _)++;
            }
        }

        return counts;
    }

    private sealed class Learner
    {
        private readonly List<string> _symbols = [.. ByteAlphabet.Symbols];
        private readonly List<(List<int> Tokens, long Count)> _words;
        private readonly Dictionary<(int Left, int Right), long> _counts = [];
        private readonly Dictionary<(int Left, int Right), HashSet<int>> _places = [];
        private readonly PriorityQueue<(int Left, int Right), (long MinusCount, int Left, int Right)> _queue = new();

        public Learner(Dictionary<string, long> pieces)
        {
            _words = [.. pieces.Select(p => (BytePairEncoder.Bytes(p.Key).ToList(), p.Value))];
            for (var i = 0; i < _words.Count; i++)
                Add(i, +1);
            foreach (var pair in _counts.Keys)
                Enqueue(pair);
        }

        public MergeList Run(int merges)
        {
            var result = new List<Merge>();
            var results = new HashSet<string>(_symbols, StringComparer.Ordinal);
            while (result.Count < merges && _queue.TryDequeue(out var pair, out var priority))
            {
                // The queue also holds counts of earlier states; a pair is queued again whenever its count changes.
                var count = _counts.GetValueOrDefault(pair);
                if (count != -priority.MinusCount || count < 2)
                    continue;
                var merge = new Merge(_symbols[pair.Left], _symbols[pair.Right]);
                if (!results.Add(merge.Left + merge.Right))
                {
                    // Another pair has made this symbol already; a vocabulary holds it once.
                    _counts.Remove(pair);
                    continue;
                }

                result.Add(merge);
                Apply(pair);
            }

            return MergeList.Of(result);
        }

        private void Apply((int Left, int Right) pair)
        {
            var token = _symbols.Count;
            _symbols.Add(_symbols[pair.Left] + _symbols[pair.Right]);
            var changed = new HashSet<(int, int)>();
            foreach (var word in _places[pair].ToArray())
            {
                Add(word, -1, changed);
                Replace(_words[word].Tokens, pair, token);
                Add(word, +1, changed);
            }

            foreach (var other in changed)
                Enqueue(other);
        }

        private void Add(int word, int sign, HashSet<(int, int)>? changed = null)
        {
            var (tokens, count) = _words[word];
            for (var i = 0; i + 1 < tokens.Count; i++)
            {
                var pair = (tokens[i], tokens[i + 1]);
                CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += sign * count;
                ref var places = ref CollectionsMarshal.GetValueRefOrAddDefault(_places, pair, out _);
                places ??= [];
                if (sign > 0)
                    places.Add(word);
                else
                    places.Remove(word);
                changed?.Add(pair);
            }
        }

        private void Enqueue((int Left, int Right) pair)
        {
            if (_counts.GetValueOrDefault(pair) is var count and > 1)
                _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
        }

        private static void Replace(List<int> tokens, (int Left, int Right) pair, int token)
        {
            var kept = 0;
            for (var i = 0; i < tokens.Count; i++)
            {
                var both = i + 1 < tokens.Count && tokens[i] == pair.Left && tokens[i + 1] == pair.Right;
                tokens[kept++] = both ? token : tokens[i];
                if (both)
                    i++;
            }

            tokens.RemoveRange(kept, tokens.Count - kept);
        }
    }
}
