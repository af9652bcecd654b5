using System.Runtime.CompilerServices;
using ClipTrain.DataPipeline.Text.Normalization;

namespace ClipTrain.DataPipeline.Text;

/// <summary>CLIP's tokenizer: byte-pair encoding with end-of-word marks, between a start and an end token. Thread-safe.</summary>
public sealed class BpeTokenizer : ITokenizer
{
    private const int MaxOnStack = 2048;

    private readonly BytePairEncoder _encoder;
    private readonly WordCache _cache = new();
    private readonly int[] _startOfText,
        _endOfText;

    /// <param name="merges">The vocabulary.</param>
    /// <param name="contextLength">Sequence length in tokens, including start and end.</param>
    public BpeTokenizer(MergeList merges, int contextLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(contextLength, 2);
        Merges = merges;
        ContextLength = contextLength;
        _encoder = new BytePairEncoder(merges);
        (_startOfText, _endOfText) = ([StartOfText], [EndOfText]);
    }

    /// <summary>The vocabulary.</summary>
    public MergeList Merges { get; }

    public int VocabularySize => Merges.VocabularySize;

    public int ContextLength { get; }

    /// <summary>Id of the start token.</summary>
    public int StartOfText => VocabularySize - 2;

    /// <summary>Id of the end token.</summary>
    public int EndOfText => VocabularySize - 1;

    /// <summary>A tokenizer with the vocabulary of OpenAI's CLIP, 49,408 tokens; its context length is 77.</summary>
    public static BpeTokenizer OpenAi(int contextLength) => new(MergeList.OpenAi(), contextLength);

    /// <summary>A tokenizer with a merge list or Hugging Face's files, see <see cref="MergeList.Named"/>.</summary>
    /// <exception cref="InvalidDataException">The vocabulary is not of CLIP's kind; the message names file and place.</exception>
    public static BpeTokenizer FromMerges(string name, int contextLength) => new(MergeList.Named(name), contextLength);

    /// <summary>
    /// Writes the start token, the caption's tokens from <paramref name="first"/> on, the end token, and zeros up to
    /// <see cref="ContextLength"/>. If the caption does not fit, it is cut and the end token is last.
    /// </summary>
    /// <remarks>
    /// Special tokens written in a caption are encoded as such, in CLIP's spelling and in open_clip's. With an end-of-text token
    /// inside the caption, <see cref="EncodedCaption.End"/> is that token's position, as in CLIP.
    /// </remarks>
    [SkipLocalsInit]
    public EncodedCaption Encode(string text, Span<long> tokens, int first)
    {
        if (tokens.Length != ContextLength)
        {
            throw new ArgumentException($"the span has {tokens.Length} elements; a caption needs {ContextLength}", nameof(tokens));
        }

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
                {
                    continue;
                }

                if (token == EndOfText && end < 0)
                {
                    end = at;
                }

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
        {
            return known;
        }

        var tokens =
            PieceScanner.IsStartOfText(piece) ? _startOfText
            : PieceScanner.IsEndOfText(piece) ? _endOfText
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
