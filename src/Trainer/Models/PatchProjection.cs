using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// CLIP's patch embedding: a convolution without bias whose kernel covers one patch, or the same function as a matrix product over
/// flattened patches. The matrix product has a much faster backward pass in bf16 on CPUs and skips dropped patches. X = 3·P·P
/// values per patch.
/// </summary>
internal sealed class PatchProjection(FlatParameters parameters, ImageTowerOptions options) : IPatchEmbedder
{
    private readonly torch.Tensor _weight_W3PP = parameters["visual.conv1.weight"];
    private readonly int _patch = options.Patch!.Value,
        _stride = PatchGrid.StrideOf(options),
        _side = PatchGrid.Of(options).Side;

    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options)
    {
        long patch = options.Patch!.Value;
        return [new("visual.conv1.weight", [options.Width, 3, patch, patch], true, Initial.UniformByFanIn(3 * patch * patch))];
    }

    public torch.Tensor Forward(torch.Tensor images_b3SS, torch.Tensor? kept_bK, BatchStatistics? statistics)
    {
        if (options.PatchEmbedding == PatchEmbedding.Convolution)
        {
            return Keep(Convolution.OfPatches(images_b3SS, _weight_W3PP, _stride).flatten(2).transpose(1, 2), kept_bK);
        }

        var patches_bLX = Keep(
            _stride == _patch ? Tiles(images_b3SS) : nn.functional.unfold(images_b3SS, _patch, stride: _stride).transpose(1, 2),
            kept_bK
        );
        return Products.Linear(patches_bLX, _weight_W3PP.reshape([_weight_W3PP.size(0), patches_bLX.size(2)]));
    }

    /// <summary>Rows bKX of bLX; all rows if no indices are given.</summary>
    internal static torch.Tensor Keep(torch.Tensor x_bLX, torch.Tensor? kept_bK) =>
        kept_bK is null ? x_bLX : x_bLX.gather(1, kept_bK.unsqueeze(-1).expand([-1, -1, x_bLX.size(2)]));

    private torch.Tensor Tiles(torch.Tensor images_b3SS) =>
        images_b3SS
            .reshape([images_b3SS.size(0), 3, _side, _patch, _side, _patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([images_b3SS.size(0), (long)_side * _side, 3L * _patch * _patch]);
}

/// <summary>Turns an image's patches into tokens.</summary>
internal interface IPatchEmbedder
{
    /// <summary>Images b3SS in the compute type → tokens bLW of all patches, or of the kept ones.</summary>
    /// <inheritdoc cref="IImageTower.Segments" path="/param"/>
    torch.Tensor Forward(torch.Tensor images_b3SS, torch.Tensor? kept_bK, BatchStatistics? statistics);
}

/// <summary>The square grid of an image's patches, with Side patches per side.</summary>
public readonly record struct PatchGrid(int Side)
{
    public int Count => Side * Side;

    /// <summary>The grid of a Vision Transformer. By default the stride equals the patch size, and patches tile the image.</summary>
    public static PatchGrid Of(ImageTowerOptions options) => new(((options.Size - options.Patch!.Value) / StrideOf(options)) + 1);

    /// <summary>Distance between patches in pixels.</summary>
    public static int StrideOf(ImageTowerOptions options) => options.Stride ?? options.Patch!.Value;
}
