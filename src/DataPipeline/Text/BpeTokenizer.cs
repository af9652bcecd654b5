using System.Collections.Concurrent;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Text;

/// <summary>CLIP's tokenizer: byte-pair encoding with marks at the ends of words, between a start and an end token. Any number of threads.</summary>
public sealed class BpeTokenizer : ITokenizer
{
    /// <summary>Captions repeat few words; what does not fit any more is encoded each time.</summary>
    private const int MaxCachedWords = 1 << 16, MaxCachedLength = 64;

    private readonly BytePairEncoder _encoder;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private int _cached;

    /// <param name="merges">The vocabulary.</param>
    /// <param name="contextLength">Tokens of an encoded caption, start and end included.</param>
    public BpeTokenizer(MergeList merges, int contextLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(contextLength, 2);
        Merges = merges;
        ContextLength = contextLength;
        _encoder = new BytePairEncoder(merges);
    }

    public MergeList Merges { get; }

    public int VocabularySize => Merges.VocabularySize;

    public int ContextLength { get; }

    public int StartOfText => VocabularySize - 2;

    public int EndOfText => VocabularySize - 1;

    /// <summary>The vocabulary of OpenAI's CLIP, 49,408 tokens; its context length is 77.</summary>
    public static BpeTokenizer OpenAi(int contextLength) => new(MergeList.OpenAi(), contextLength);

    /// <summary>The vocabulary of a file, see <see cref="MergeList"/>: 512 tokens for bytes, one a merge, and two.</summary>
    /// <exception cref="InvalidDataException">The file is no list of merges; the message names file and line.</exception>
    public static BpeTokenizer FromMerges(string path, int contextLength) => new(MergeList.Load(path), contextLength);

    /// <summary>
    /// Writes start, the caption's tokens, end, and zeros up to <see cref="ContextLength"/>. A caption that is too long is
    /// cut, with the end token in the last place.
    /// </summary>
    /// <returns>
    /// The place of the first end-of-text token, where the text tower's feature is read. It is inside the caption when
    /// that holds the literal "&lt;|endoftext|&gt;", as in the reference.
    /// </returns>
    public int Encode(string text, Span<long> tokens)
    {
        if (tokens.Length != ContextLength)
            throw new ArgumentException($"the span has {tokens.Length} places, a caption takes {ContextLength}", nameof(tokens));
        tokens.Clear();
        tokens[0] = StartOfText;
        var count = 1;
        foreach (var piece in new PieceScanner(CaptionNormalizer.Normalize(text)))
        {
            foreach (var token in Tokens(piece))
            {
                if (count == tokens.Length - 1)
                    break;
                tokens[count++] = token;
            }

            if (count == tokens.Length - 1)
                break;
        }

        tokens[count] = EndOfText;
        return tokens.IndexOf(EndOfText);
    }

    private int[] Tokens(ReadOnlySpan<char> piece)
    {
        if (_cache.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(piece, out var known))
            return known;
        var tokens = piece switch
        {
            PieceScanner.StartOfText => [StartOfText],
            PieceScanner.EndOfText => [EndOfText],
            _ => _encoder.Encode(piece),
        };
        if (piece.Length <= MaxCachedLength && Volatile.Read(ref _cached) < MaxCachedWords && _cache.TryAdd(piece.ToString(), tokens))
            Interlocked.Increment(ref _cached);
        return tokens;
    }
}
