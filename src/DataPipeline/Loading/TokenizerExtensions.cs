namespace ClipTrain.DataPipeline.Loading;

/// <summary>What follows from a tokenizer's one operation.</summary>
public static class TokenizerExtensions
{
    /// <summary>Encodes a caption from its beginning; see <see cref="ITokenizer.Encode"/>.</summary>
    /// <returns>The position of the end-of-text token.</returns>
    public static int Encode(this ITokenizer tokenizer, string text, Span<long> tokens) => tokenizer.Encode(text, tokens, first: 0).End;

    /// <summary>Encodes captions from their beginnings.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="captions">[b].</param>
    /// <param name="tokens_bL">Receives int64 [b, context length].</param>
    /// <param name="ends_b">Receives the positions of the end-of-text tokens, int64 [b].</param>
    /// <returns>How many captions were too long and have been cut.</returns>
    public static int Encode(this ITokenizer tokenizer, ReadOnlySpan<string> captions, Span<long> tokens_bL, Span<long> ends_b)
    {
        var context = tokenizer.ContextLength;
        if (tokens_bL.Length != captions.Length * context || ends_b.Length != captions.Length)
            throw new ArgumentException(
                $"{captions.Length} captions take {captions.Length} × {context} tokens and {captions.Length} ends, not "
                    + $"{tokens_bL.Length} and {ends_b.Length}",
                nameof(tokens_bL)
            );
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
