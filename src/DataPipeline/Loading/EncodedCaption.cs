namespace ClipTrain.DataPipeline.Loading;

/// <summary>What a tokenizer says of a caption that it wrote.</summary>
/// <param name="End">The position of the first end-of-text token, where the text tower's feature is read.</param>
/// <param name="Length">Tokens of the whole caption, without start and end.</param>
/// <param name="ContextLength">Places that it had, start and end included.</param>
public readonly record struct EncodedCaption(int End, int Length, int ContextLength)
{
    /// <summary>Tokens that did not fit.</summary>
    public int Excess => Math.Max(0, Length - (ContextLength - 2));
}
