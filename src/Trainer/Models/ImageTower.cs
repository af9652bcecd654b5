using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// CLIP's Vision Transformer. Images b3SS → features bE. g = S / P patches a side, P patch, W width, E embedding.
/// </summary>
public sealed class ImageTower
{
    private readonly ImageTowerOptions _options;
    private readonly torch.Tensor _patchWeight, _classToken, _positions, _projection;
    private readonly LayerNorm _normPre, _normPost;
    private readonly TransformerBlock[] _blocks;

    public ImageTower(FlatParameters parameters, ImageTowerOptions options, Activation activation)
    {
        _options = options;
        _patchWeight = parameters["visual.conv1.weight"];
        _classToken = parameters["visual.class_embedding"];
        _positions = parameters["visual.positional_embedding"];
        _projection = parameters["visual.proj"];
        _normPre = new LayerNorm(parameters, "visual.ln_pre");
        _normPost = new LayerNorm(parameters, "visual.ln_post");
        _blocks = [.. Enumerable.Range(0, options.Layers).Select(i => new TransformerBlock(parameters, BlockPrefix(i), options.Width, options.Heads, activation))];
    }

    /// <summary>The tower's parameters with open_clip's names.</summary>
    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options, int embedDim)
    {
        long grid = options.Size / options.Patch, patch = options.Patch;
        var scale = Math.Pow(options.Width, -0.5);
        return
        [
            new("visual.class_embedding", [options.Width], false, Initial.Normal(scale)),
            new("visual.positional_embedding", [(grid * grid) + 1, options.Width], false, Initial.Normal(scale)),
            new("visual.conv1.weight", [options.Width, 3, patch, patch], true, Initial.UniformByFanIn(3 * patch * patch)),
            .. LayerNorm.Parameters("visual.ln_pre", options.Width),
            .. Enumerable.Range(0, options.Layers).SelectMany(i => TransformerBlock.Parameters(BlockPrefix(i), options.Width, options.Layers, options.MlpRatio)),
            .. LayerNorm.Parameters("visual.ln_post", options.Width),
            new("visual.proj", [options.Width, embedDim], true, Initial.Normal(scale)),
        ];
    }

    /// <summary>
    /// The tower as a chain of segments: images b3SS, normalised → features bE in the compute type, not yet of unit length.
    /// </summary>
    /// <param name="kept_bK">The patches to look at, of each image as many; null looks at all. See <see cref="PatchDropout"/>.</param>
    public IEnumerable<Func<torch.Tensor, torch.Tensor>> Segments(torch.Tensor? kept_bK = null) =>
    [
        images_b3SS => Stem(images_b3SS, kept_bK),
        .. _blocks[..^1].Select(block => (Func<torch.Tensor, torch.Tensor>)(x_bLW => block.Forward(x_bLW, null))),
        x_bLW => _blocks[^1].ForwardAt(x_bLW, x => x.narrow(1, 0, 1), null).squeeze(1),
        class_bW => _normPost.Forward(class_bW).matmul(_projection),
    ];

    /// <summary>
    /// The patch convolution (kernel = stride = P, no bias) as unfold and matrix product: the same sums, and on CPUs a
    /// much faster backward pass in bf16. Patches that are not kept are not computed.
    /// </summary>
    internal torch.Tensor EmbedPatches(torch.Tensor images_b3SS, torch.Tensor? kept_bK = null)
    {
        long batch = images_b3SS.size(0), patch = _options.Patch, grid = _options.Size / patch, pixels = 3 * patch * patch;
        var patches_bLX = images_b3SS.reshape([batch, 3, grid, patch, grid, patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, grid * grid, pixels]);
        if (kept_bK is not null)
            patches_bLX = patches_bLX.gather(1, kept_bK.unsqueeze(-1).expand([-1, -1, pixels]));
        return nn.functional.linear(patches_bLX, _patchWeight.reshape([_options.Width, pixels]));
    }

    private torch.Tensor Stem(torch.Tensor images_b3SS, torch.Tensor? kept_bK)
    {
        var type = _patchWeight.dtype;
        var x_bLW = EmbedPatches(images_b3SS.to(type), kept_bK);
        var class_b1W = _classToken.to(type).expand([images_b3SS.size(0), 1, _options.Width]);
        return _normPre.Forward(cat([class_b1W, x_bLW], 1) + Positions(kept_bK).to(type));
    }

    /// <summary>Position 0 is the class token's; the patches' follow.</summary>
    private torch.Tensor Positions(torch.Tensor? kept_bK) => kept_bK is null
        ? _positions
        : nn.functional.embedding(cat([zeros([kept_bK.size(0), 1], int64, kept_bK.device), kept_bK + 1], 1), _positions);

    private static string BlockPrefix(int index) => $"visual.transformer.resblocks.{index}.";
}
