using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// CLIP's text transformer. By default it is causal and reads the feature from the last block's output at the end-of-text token. L
/// tokens, W width, E embedding.
/// </summary>
public sealed class TextTower : IDisposable
{
    /// <summary>Name of the projection matrix from the transformer's width to the embedding's.</summary>
    internal const string Projection = "text_projection";

    /// <summary>Sequence lengths are rounded up to a multiple of this, to limit the number of different shapes.</summary>
    private const long LengthStep = 8;

    private readonly TextTowerOptions _options;
    private readonly torch.ScalarType _computeType;
    private readonly torch.Tensor _tokenEmbedding,
        _positions,
        _projection,
        _mask_LL;
    private readonly LayerNorm _normFinal;
    private readonly TransformerBlock[] _blocks;

    public TextTower(FlatParameters parameters, TextTowerOptions options, Activation activation)
    {
        (_options, _computeType) = (options, parameters.ComputeType);
        _tokenEmbedding = parameters["token_embedding.weight"];
        _positions = parameters["positional_embedding"];
        _projection = parameters[Projection];
        _normFinal = new LayerNorm(parameters, "ln_final");
        _blocks =
        [
            .. Enumerable
                .Range(0, options.Layers)
                .Select(i => new TransformerBlock(parameters, BlockPrefix(i), options.Width, options.Heads, activation)),
        ];
        using var scope = NewDisposeScope();
        // Row i is the mask of a token that may attend to tokens 0 to i: token i of a causal tower, or any token of a caption that
        // ends at i.
        _mask_LL = full([options.Context, options.Context], double.NegativeInfinity, float32, parameters.Master.device)
            .triu(1)
            .to(_computeType)
            .DetachFromDisposeScope();
    }

    /// <summary>The tower's parameters, with open_clip's names.</summary>
    public static IEnumerable<ParameterSpec> Parameters(TextTowerOptions options, int embedDim) =>
        [
            new("positional_embedding", [options.Context, options.Width], false, Initial.Normal(0.01)),
            new(Projection, [options.Width, embedDim], true, Initial.Normal(Math.Pow(options.Width, -0.5))),
            .. Enumerable
                .Range(0, options.Layers)
                .SelectMany(i => TransformerBlock.Parameters(BlockPrefix(i), options.Width, options.Layers, options.MlpRatio)),
            new("token_embedding.weight", [options.Vocabulary, options.Width], false, Initial.Normal(0.02)),
            .. LayerNorm.Parameters("ln_final", options.Width),
        ];

    /// <summary>
    /// The tower as a chain of segments: tokens bL (int64), zero-padded to the context → features bE in the compute type.
    /// </summary>
    /// <param name="end_b">int64, index of the end-of-text token in each row.</param>
    /// <param name="longest">
    /// The largest entry of <paramref name="end_b"/>. Tokens behind it are padding, to which no token attends, so they are not
    /// computed. If the feature is read at the context's last token, padding counts as text and everything is computed.
    /// </param>
    public IEnumerable<Segment> Segments(torch.Tensor end_b, long longest)
    {
        var padded = _options.Pooling == TextPooling.Last;
        var length = padded ? _options.Context : Length(_options, longest);
        var mask_LL = _mask_LL.narrow(0, 0, length).narrow(1, 0, length);
        var caption_b11L = padded ? null : mask_LL.index_select(0, end_b).view([-1, 1, 1, length]);
        var mask = _options.Attention == TextAttention.Causal ? mask_LL : caption_b11L;
        var index_b1W = end_b.view([-1, 1, 1]).expand([-1, 1, _options.Width]);
        return
        [
            // In fp32 whatever the storage type: the gradients of a token that occurs in every caption are sums of many terms.
            new(
                "token embedding of the text tower",
                tokens_bL =>
                    (
                        Dispatcher.Embedding(tokens_bL.narrow(1, 0, length), _tokenEmbedding.to(float32))
                        + _positions.narrow(0, 0, length).to(float32)
                    ).to(_computeType)
            ),
            .. _blocks[..^1].Select((block, i) => new Segment(BlockName(i), x_bLW => block.Forward(x_bLW, mask))),
            new(
                BlockName(_blocks.Length - 1),
                x_bLW =>
                    _options.Pooling switch
                    {
                        TextPooling.EndOfText => _blocks[^1].ForwardAt(x_bLW, x => x.gather(1, index_b1W), caption_b11L).squeeze(1),
                        TextPooling.Last => _blocks[^1].ForwardAt(x_bLW, x => x.narrow(1, length - 1, 1).contiguous(), null).squeeze(1),
                        _ => _blocks[^1].Forward(x_bLW, mask),
                    }
            ),
            new(
                "projection of the text tower",
                x =>
                    (_options.Pooling == TextPooling.Mean ? Mean(_normFinal.Forward(x), caption_b11L!) : _normFinal.Forward(x)).MatMul(
                        _projection.to(_computeType)
                    )
            ),
        ];
    }

    /// <summary>Number of tokens to compute if <paramref name="last"/> is the index of the last one that is read.</summary>
    internal static long Length(TextTowerOptions options, long last) =>
        Math.Min(options.Context, (last + LengthStep) / LengthStep * LengthStep);

    /// <summary>Mean over each caption's own tokens: x_bLW → bW.</summary>
    private static torch.Tensor Mean(torch.Tensor x_bLW, torch.Tensor caption_b11L) =>
        caption_b11L.squeeze(1).softmax(-1).MatMul(x_bLW).squeeze(1);

    public void Dispose() => _mask_LL.Dispose();

    internal static string BlockPrefix(int index) => $"transformer.resblocks.{index}.";

    private static string BlockName(int index) => $"block {index + 1} of the text tower";
}
