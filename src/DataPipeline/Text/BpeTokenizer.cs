using System.Runtime.CompilerServices;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Text.Normalization;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// CLIP's tokenizer: byte-pair encoding with marks at the ends of words, between a start and an end token. Any number of threads.
/// </summary>
public sealed class BpeTokenizer : ITokenizer
{
    private const int MaxOnStack = 2048;

    private readonly BytePairEncoder _encoder;
    private readonly WordCache _cache = new();
    private readonly int[] _startOfText,
        _endOfText;

    /// <param name="merges">The vocabulary.</param>
    /// <param name="contextLength">Tokens of an encoded caption, start and end included.</param>
    public BpeTokenizer(MergeList merges, int contextLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(contextLength, 2);
        Merges = merges;
        ContextLength = contextLength;
        _encoder = new BytePairEncoder(merges);
        (_startOfText, _endOfText) = ([StartOfText], [EndOfText]);
    }

    public MergeList Merges { get; }

    public int VocabularySize => Merges.VocabularySize;

    public int ContextLength { get; }

    public int StartOfText => VocabularySize - 2;

    public int EndOfText => VocabularySize - 1;

    /// <summary>The vocabulary of OpenAI's CLIP, 49,408 tokens; its context length is 77.</summary>
    public static BpeTokenizer OpenAi(int contextLength) => new(MergeList.OpenAi(), contextLength);

    /// <summary>The vocabulary of a merge list or of Hugging Face's files, see <see cref="MergeList.Named"/>.</summary>
    /// <exception cref="InvalidDataException">It is none of CLIP's kind; the message names file and place.</exception>
    public static BpeTokenizer FromMerges(string name, int contextLength) => new(MergeList.Named(name), contextLength);

    /// <summary>
    /// Writes start, the caption's tokens from number <paramref name="first"/> on, end, and zeros up to
    /// <see cref="ContextLength"/>. What does not fit is left out, with the end token in the last place.
    /// </summary>
    /// <remarks>
    /// <see cref="EncodedCaption.End"/> is inside the caption when that holds the literal "&lt;|endoftext|&gt;", as in the
    /// reference.
    /// </remarks>
    [SkipLocalsInit]
    public EncodedCaption Encode(string text, Span<long> tokens, int first)
    {
        if (tokens.Length != ContextLength)
            throw new ArgumentException($"the span has {tokens.Length} places, a caption takes {ContextLength}", nameof(tokens));
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        tokens[0] = StartOfText;
        int at = 1,
            length = 0,
            end = -1;
        var rest = tokens[..^1];
        foreach (var piece in new PieceScanner(CaptionNormalizer.Normalize(text, stackalloc byte[MaxOnStack])))
        {
            foreach (var token in Tokens(piece))
            {
                if (length++ < first || at >= rest.Length)
                    continue;
                if (token == EndOfText && end < 0)
                    end = at;
                rest[at++] = token;
            }
        }

        tokens[at] = EndOfText;
        tokens[(at + 1)..].Clear();
        return new EncodedCaption(end < 0 ? at : end, length, ContextLength);
    }

    private ReadOnlySpan<int> Tokens(ReadOnlySpan<byte> piece)
    {
        var hash = WordCache.Hash(piece);
        if (_cache.Find(piece, hash) is { } known)
            return known;
        var tokens =
            piece.SequenceEqual(PieceScanner.StartOfText) ? _startOfText
            : piece.SequenceEqual(PieceScanner.EndOfText) ? _endOfText
            : Merge(piece);
        _cache.Add(piece, hash, tokens);
        return tokens;
    }

    private int[] Merge(ReadOnlySpan<byte> piece)
    {
        var tokens = new int[piece.Length];
        return tokens[.._encoder.Encode(piece, tokens)];
    }
}
