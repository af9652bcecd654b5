namespace ClipTrain.DataPipeline.Text;

/// <summary>Turns captions into the text tower's input. Thread-safe.</summary>
public interface ITokenizer
{
    /// <summary>Number of token ids.</summary>
    int VocabularySize { get; }

    /// <summary>Sequence length in tokens, including start, end and padding.</summary>
    int ContextLength { get; }

    /// <summary>Encodes a caption. Fills all <see cref="ContextLength"/> tokens, with zeros after the end-of-text token.</summary>
    /// <param name="text">A caption of any length.</param>
    /// <param name="tokens">Receives [ContextLength].</param>
    /// <param name="first">Index of the caption's token that follows the start token; earlier tokens, and those that do not fit, are
    /// dropped.</param>
    EncodedCaption Encode(string text, Span<long> tokens, int first);
}

/// <summary>Result of encoding a caption.</summary>
/// <param name="End">Position of the first end-of-text token, where the text tower reads its feature.</param>
/// <param name="Length">Tokens of the whole caption, without start and end.</param>
/// <param name="ContextLength">Sequence length, including start and end.</param>
public readonly record struct EncodedCaption(int End, int Length, int ContextLength)
{
    /// <summary>Number of tokens that did not fit.</summary>
    public int Excess => Math.Max(0, Length - (ContextLength - 2));
}

/// <summary>Encoding of single captions and batches from their beginning.</summary>
public static class TokenizerExtensions
{
    /// <summary>Encodes a caption from its beginning; see <see cref="ITokenizer.Encode"/>.</summary>
    /// <returns>The position of the end-of-text token.</returns>
    public static int Encode(this ITokenizer tokenizer, string text, Span<long> tokens) => tokenizer.Encode(text, tokens, first: 0).End;

    /// <summary>Encodes captions from their beginning.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="captions">Captions, [b].</param>
    /// <param name="tokens_bL">Receives int64 [b, context length].</param>
    /// <param name="ends_b">Receives the positions of the end-of-text tokens, int64 [b].</param>
    /// <returns>The number of captions that were too long and have been cut.</returns>
    public static int Encode(this ITokenizer tokenizer, ReadOnlySpan<string> captions, Span<long> tokens_bL, Span<long> ends_b)
    {
        var context = tokenizer.ContextLength;
        if (tokens_bL.Length != captions.Length * context || ends_b.Length != captions.Length)
        {
            throw new ArgumentException(
                $"{captions.Length} captions need {captions.Length} × {context} tokens and {captions.Length} ends, not "
                    + $"{tokens_bL.Length} and {ends_b.Length}",
                nameof(tokens_bL)
            );
        }

        var cut = 0;
        for (var i = 0; i < captions.Length; i++)
        {
            var caption = tokenizer.Encode(captions[i], tokens_bL.Slice(i * context, context), first: 0);
            ends_b[i] = caption.End;
            cut += caption.Excess > 0 ? 1 : 0;
        }

        return cut;
    }
}
