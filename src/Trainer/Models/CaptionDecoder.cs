using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A language model of captions: the text tower's transformer, applied causally to the image's positions followed by the caption.
/// Uses the text tower's parameter names. Shapes: b images, P image positions, E their width, L tokens, W width of the transformer,
/// n rows.
/// </summary>
public sealed class CaptionDecoder(FlatParameters parameters, TextTowerOptions options, Activation activation)
{
    /// <summary>Name of the token embedding, whose transpose predicts the tokens.</summary>
    public const string TokenEmbedding = "token_embedding.weight";

    private const string Positions = "positional_embedding",
        PrefixWeight = "image_prefix.weight",
        PrefixBias = "image_prefix.bias";

    private readonly torch.Tensor _tokenEmbedding = parameters[TokenEmbedding],
        _positions = parameters[Positions];
    private readonly torch.Tensor _prefixWeight = parameters[PrefixWeight],
        _prefixBias = parameters[PrefixBias];
    private readonly LayerNorm _normFinal = new(parameters, "ln_final");
    private readonly TransformerBlock[] _blocks =
    [
        .. Enumerable
            .Range(0, options.Layers)
            .Select(i => new TransformerBlock(parameters, TextTower.BlockPrefix(i), options.Width, options.Heads, activation)),
    ];

    public static IEnumerable<ParameterSpec> Parameters(TextTowerOptions options, int embedDim) =>
        [
            .. TextTower.Parameters(options, embedDim).Where(spec => spec.Name != TextTower.Projection),
            new(PrefixWeight, [options.Width, embedDim], true, Initial.Normal(Math.Pow(embedDim, -0.5))),
            new(PrefixBias, [options.Width], true, Initial.Zero),
        ];

    /// <summary>
    /// The decoder as a chain of segments: features of the image's positions bPE → rows nW, fp32. The transpose of the token
    /// embedding turns the rows into logits.
    /// </summary>
    /// <param name="tokens_bL">int64; only the first <paramref name="length"/> of each caption are read.</param>
    /// <param name="rows_n">int64, indices into b × length of the tokens whose successor is predicted.</param>
    /// <param name="length">Number of tokens computed per caption.</param>
    public IEnumerable<Segment> Segments(torch.Tensor tokens_bL, torch.Tensor rows_n, long length) =>
        [
            new(
                "embedding of image and tokens in the caption decoder",
                image_bPE =>
                {
                    var prefix_bPW = Products.Linear(image_bPE, _prefixWeight, _prefixBias);
                    var text_bLW = Dispatcher.Embedding(tokens_bL.narrow(1, 0, length), _tokenEmbedding) + _positions.narrow(0, 0, length);
                    return cat([prefix_bPW, text_bLW.to(prefix_bPW.dtype)], 1);
                }
            ),
            .. _blocks.Select(
                (block, i) => new Segment($"block {i + 1} of the caption decoder", x_bSW => block.Forward(x_bSW, Mask(x_bSW, length)))
            ),
            new(
                "rows of the caption decoder",
                x_bSW =>
                {
                    var text_bLW = x_bSW.narrow(1, x_bSW.size(1) - length, length);
                    return _normFinal.Forward(text_bLW.reshape([-1, x_bSW.size(2)]).index_select(0, rows_n).to(float32));
                }
            ),
        ];

    /// <summary>Tokens attend to the whole image and to the tokens up to themselves; image positions attend to each other.</summary>
    private static torch.Tensor Mask(torch.Tensor x_bSW, long length)
    {
        var sequence = x_bSW.size(1);
        var prefix = sequence - length;
        var mask_SS = full([sequence, sequence], double.NegativeInfinity, float32, x_bSW.device).triu(1);
        mask_SS.narrow(0, 0, prefix).narrow(1, 0, prefix).zero_();
        return mask_SS.to(x_bSW.dtype);
    }
}
