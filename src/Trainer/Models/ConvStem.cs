using System.Numerics;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A convolutional stem (Xiao et al. 2021, arXiv 2106.14881): 3×3 convolutions of stride 2, each with BatchNorm and ReLU, that
/// halve the map until each position corresponds to a patch, then a 1×1 convolution. The number of channels doubles at each stage
/// up to W.
/// </summary>
internal sealed class ConvStem(FlatParameters parameters, ImageTowerOptions options) : IPatchEmbedder
{
    private readonly torch.Tensor[] _convolutions = [.. Channels(options).Select((_, i) => parameters[$"visual.stem.{i}.conv.weight"])];
    private readonly BatchNorm[] _norms = [.. Channels(options).Select((_, i) => new BatchNorm(parameters, $"visual.stem.{i}.bn"))];
    private readonly torch.Tensor _last = parameters["visual.conv1.weight"];

    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options)
    {
        long width = options.Width;
        return
        [
            .. Channels(options)
                .SelectMany(
                    (channels, i) =>
                        (ParameterSpec[])
                            [
                                new(
                                    $"visual.stem.{i}.conv.weight",
                                    [channels.To, channels.From, 3, 3],
                                    true,
                                    Initial.UniformByFanIn(channels.From * 9)
                                ),
                                .. BatchNorm.Parameters($"visual.stem.{i}.bn", channels.To),
                            ]
                ),
            new("visual.conv1.weight", [width, width, 1, 1], true, Initial.UniformByFanIn(width)),
        ];
    }

    /// <summary>Input and output channels of each convolution of stride 2.</summary>
    internal static IEnumerable<(long From, long To)> Channels(ImageTowerOptions options)
    {
        var steps = BitOperations.Log2((uint)options.Patch!.Value);
        for (var i = 0; i < steps; i++)
        {
            yield return (i == 0 ? 3 : options.Width >> (steps - i), options.Width >> (steps - 1 - i));
        }
    }

    public torch.Tensor Forward(torch.Tensor images_b3SS, torch.Tensor? kept_bK, BatchStatistics? statistics)
    {
        var x = images_b3SS;
        for (var i = 0; i < _convolutions.Length; i++)
        {
            x = _norms[i].Forward(Convolution.Apply(x, _convolutions[i], stride: 2), statistics, relu: true);
        }

        return PatchProjection.Keep(Convolution.Apply(x, _last).flatten(2).transpose(1, 2), kept_bK);
    }
}
