using ClipTrain.DataPipeline.Text;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Tokenized texts in host memory.</summary>
/// <param name="Tokens_pL">int64, zero-padded to the context.</param>
/// <param name="Ends">Index of each text's end-of-text token.</param>
public sealed record TokenizedTexts(torch.Tensor Tokens_pL, long[] Ends)
{
    /// <summary>Tokenizes texts, each from its beginning; what does not fit into the context is dropped.</summary>
    public static TokenizedTexts Of(ITokenizer tokenizer, string[] texts)
    {
        var tokens_pL = empty([texts.Length, tokenizer.ContextLength], int64);
        var ends = new long[texts.Length];
        tokenizer.Encode(texts, tokens_pL.AsSpan<long>(), ends);
        return new TokenizedTexts(tokens_pL, ends);
    }

    /// <summary>The tokens of one text, with start, end and padding.</summary>
    public ReadOnlySpan<long> TokensOf(int text)
    {
        var context = (int)Tokens_pL.size(1);
        return Tokens_pL.AsSpan<long>().Slice(text * context, context);
    }
}
