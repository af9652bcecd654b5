using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// CLIP's Vision Transformer and its variants. Images b3SS → features bE. P patches, W width, E embedding. The sequence consists of
/// the class token (if any), the registers and the patches.
/// </summary>
public sealed class VisionTransformer : IImageTower
{
    private const string ClassToken = "visual.class_embedding",
        LearnedPositions = "visual.positional_embedding",
        Registers = "visual.register_tokens",
        Pool = "visual.attn_pool.";

    private readonly ImageTowerOptions _options;
    private readonly IPatchEmbedder _patches;
    private readonly torch.Tensor? _classToken,
        _registers,
        _positions;
    private readonly float[] _sines = [];
    private readonly torch.Tensor _projection;
    private readonly LayerNorm _normPre,
        _normPost;
    private readonly TransformerBlock[] _blocks;
    private readonly QueryPool? _pool;

    public VisionTransformer(FlatParameters parameters, ImageTowerOptions options, Activation activation)
    {
        _options = options;
        _patches =
            options.PatchEmbedding == PatchEmbedding.ConvStem
                ? new ConvStem(parameters, options)
                : new PatchProjection(parameters, options);
        _classToken = HasClassToken(options) ? parameters[ClassToken] : null;
        _registers = options.Registers > 0 ? parameters[Registers] : null;
        _positions = options.Positions == ImagePositions.Learned ? parameters[LearnedPositions] : null;
        if (options.Positions == ImagePositions.Sine)
        {
            _sines = PositionTable.Sine(PatchGrid.Of(options).Side, options.Width);
        }

        _projection = parameters["visual.proj"];
        _normPre = new LayerNorm(parameters, "visual.ln_pre");
        _normPost = new LayerNorm(parameters, "visual.ln_post");
        _blocks =
        [
            .. Enumerable
                .Range(0, options.Layers!.Value)
                .Select(i => new TransformerBlock(parameters, BlockPrefix(i), options.Width, options.Heads, activation)),
        ];
        _pool = options.Pooling == ImagePooling.Attention ? new QueryPool(parameters, Pool, options, activation) : null;
    }

    /// <summary>The tower's parameters, with open_clip's names.</summary>
    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options, int embedDim)
    {
        var (width, layers) = (options.Width, options.Layers!.Value);
        var initial = Initial.Normal(Math.Pow(width, -0.5));
        return
        [
            .. HasClassToken(options) ? [new(ClassToken, [width], false, initial)] : Array.Empty<ParameterSpec>(),
            .. options.Positions == ImagePositions.Learned
                ? [new(LearnedPositions, [PatchGrid.Of(options).Count + Others(options), width], false, initial)]
                : Array.Empty<ParameterSpec>(),
            .. options.Registers > 0 ? [new(Registers, [options.Registers, width], false, initial)] : Array.Empty<ParameterSpec>(),
            .. options.PatchEmbedding == PatchEmbedding.ConvStem ? ConvStem.Parameters(options) : PatchProjection.Parameters(options),
            .. LayerNorm.Parameters("visual.ln_pre", width),
            .. Enumerable.Range(0, layers).SelectMany(i => TransformerBlock.Parameters(BlockPrefix(i), width, layers, options.MlpRatio)),
            .. LayerNorm.Parameters("visual.ln_post", width),
            .. options.Pooling == ImagePooling.Attention ? QueryPool.Parameters(Pool, options) : [],
            new("visual.proj", [width, embedDim], true, initial),
        ];
    }

    /// <summary>Length of the sequence without patch dropout.</summary>
    public static int Tokens(ImageTowerOptions options) => Others(options) + options.Registers + PatchGrid.Of(options).Count;

    public IEnumerable<Segment> Segments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        [.. PooledTokenSegments(kept_bK, statistics), new("projection of the image tower", x_bLW => Project(Read(x_bLW)))];

    public IEnumerable<Segment> PooledSegments() =>
        [.. PooledTokenSegments(kept_bK: null, statistics: null), new("pooling of the image tower", Read)];

    public torch.Tensor Project(torch.Tensor pooled_bF) => pooled_bF.MatMul(_projection);

    public IEnumerable<Segment> TokenSegments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        [
            StemSegment(kept_bK, statistics),
            .. _blocks.Select(Whole),
            new("projection of the image tower", x_bLW => _normPost.Forward(WithoutRegisters(x_bLW)).MatMul(_projection)),
        ];

    /// <summary>The chain up to the tokens that the pooling reads.</summary>
    private IEnumerable<Segment> PooledTokenSegments(torch.Tensor? kept_bK, BatchStatistics? statistics) =>
        [
            StemSegment(kept_bK, statistics),
            .. _blocks[..^1].Select(Whole),
            _classToken is null
                ? Whole(_blocks[^1], _blocks.Length - 1)
                : new Segment(
                    BlockName(_blocks.Length - 1),
                    x_bLW => _blocks[^1].ForwardAt(x_bLW, x => x.narrow(1, 0, 1).contiguous(), null)
                ),
        ];

    private Segment StemSegment(torch.Tensor? kept_bK, BatchStatistics? statistics) =>
        new("patch embedding of the image tower", images_b3SS => Stem(images_b3SS, kept_bK, statistics));

    /// <summary>A block over all positions.</summary>
    private static Segment Whole(TransformerBlock block, int index) => new(BlockName(index), x_bLW => block.Forward(x_bLW, null));

    private torch.Tensor Stem(torch.Tensor images_b3SS, torch.Tensor? kept_bK, BatchStatistics? statistics)
    {
        var type = _projection.dtype;
        var patches_bPW = _patches.Forward(images_b3SS.to(type), kept_bK, statistics);
        if (PatchPositions(images_b3SS.device) is { } positions_PW)
        {
            patches_bPW = patches_bPW + (kept_bK is null ? positions_PW : Dispatcher.Embedding(kept_bK, positions_PW)).to(type);
        }

        List<torch.Tensor> tokens = [patches_bPW];
        torch.Tensor OfEachImage(torch.Tensor rows_nW) => rows_nW.unsqueeze(0).expand([images_b3SS.size(0), -1, -1]);
        if (_registers is not null)
        {
            tokens.Insert(0, OfEachImage(_registers.to(type)));
        }

        if (_classToken is not null)
        {
            var class_1W = _classToken.to(type).unsqueeze(0);
            tokens.Insert(0, OfEachImage(_positions is null ? class_1W : class_1W + _positions.narrow(0, 0, 1).to(type)));
        }

        return _normPre.Forward(tokens.Count == 1 ? patches_bPW : cat([.. tokens], 1));
    }

    /// <summary>Pooling of the last block's tokens, bW.</summary>
    private torch.Tensor Read(torch.Tensor x_bLW)
    {
        if (_classToken is not null)
        {
            return _normPost.Forward(x_bLW.squeeze(1));
        }

        var patches_bPW = _normPost.Forward(WithoutRegisters(x_bLW));
        return _pool is null ? patches_bPW.mean([1]) : _pool.Forward(patches_bPW);
    }

    private torch.Tensor WithoutRegisters(torch.Tensor x_bLW)
    {
        if (_registers is null)
        {
            return x_bLW;
        }

        var patches = x_bLW.size(1) - Others(_options) - _options.Registers;
        var patches_bPW = x_bLW.narrow(1, x_bLW.size(1) - patches, patches);
        return _classToken is null ? patches_bPW : cat([x_bLW.narrow(1, 0, 1), patches_bPW], 1);
    }

    private torch.Tensor? PatchPositions(torch.Device device) =>
        _options.Positions switch
        {
            ImagePositions.Learned => _positions!.narrow(0, Others(_options), PatchGrid.Of(_options).Count),
            ImagePositions.Sine => tensor(_sines, [PatchGrid.Of(_options).Count, _options.Width]).to(device),
            _ => null,
        };

    private static bool HasClassToken(ImageTowerOptions options) => options.Pooling == ImagePooling.ClassToken;

    /// <summary>Number of non-patch tokens that have positions.</summary>
    private static int Others(ImageTowerOptions options) => HasClassToken(options) ? 1 : 0;

    private static string BlockPrefix(int index) => $"visual.transformer.resblocks.{index}.";

    private static string BlockName(int index) => $"block {index + 1} of the image tower";
}
