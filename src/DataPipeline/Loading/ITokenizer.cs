namespace ClipTrain.DataPipeline.Loading;

/// <summary>Turns a caption into the text tower's input. Safe to call from several threads at once.</summary>
public interface ITokenizer
{
    /// <summary>Number of token ids.</summary>
    int VocabularySize { get; }

    /// <summary>Tokens in a sequence, the start and end tokens and the padding included.</summary>
    int ContextLength { get; }

    /// <summary>Fills all <see cref="ContextLength"/> tokens, with zeros after the end-of-text token.</summary>
    /// <param name="text">A caption of any length.</param>
    /// <param name="tokens">Receives [ContextLength].</param>
    /// <param name="first">The caption's token that stands behind the start token; those before it, and those that do not fit, are left
    /// out.</param>
    EncodedCaption Encode(string text, Span<long> tokens, int first);
}
