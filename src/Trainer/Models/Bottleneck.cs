using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Residual block of CLIP's ResNets: 1×1, 3×3 and 1×1 convolutions, with four times as many output channels. To halve the map, an
/// average pool precedes the last convolution and the shortcut's, instead of strides (ResNet-D, arXiv 1812.01187; anti-aliasing,
/// arXiv 1904.11486).
/// </summary>
public sealed class Bottleneck
{
    /// <summary>Ratio of output channels to channels of the 3×3 convolution.</summary>
    public const int Expansion = 4;

    private readonly long _stride;
    private readonly torch.Tensor[] _convolutions;
    private readonly BatchNorm[] _norms;
    private readonly torch.Tensor? _shortcut;
    private readonly BatchNorm? _shortcutNorm;

    /// <param name="parameters">The parameters of the model.</param>
    /// <param name="prefix">Prefix of the parameter names.</param>
    /// <param name="stride">1, or 2 to halve the map.</param>
    public Bottleneck(FlatParameters parameters, string prefix, long stride)
    {
        _stride = stride;
        _convolutions = [.. Enumerable.Range(1, 3).Select(i => parameters[$"{prefix}conv{i}.weight"])];
        _norms = [.. Enumerable.Range(1, 3).Select(i => new BatchNorm(parameters, $"{prefix}bn{i}"))];
        if (!parameters.Has(prefix + "downsample.0.weight"))
        {
            return;
        }

        _shortcut = parameters[prefix + "downsample.0.weight"];
        _shortcutNorm = new BatchNorm(parameters, prefix + "downsample.1");
    }

    /// <param name="prefix">Prefix of the parameter names.</param>
    /// <param name="input">Input channels.</param>
    /// <param name="channels">Channels of the 3×3 convolution.</param>
    /// <param name="stride">1, or 2 to halve the map.</param>
    public static IEnumerable<ParameterSpec> Parameters(string prefix, long input, long channels, long stride)
    {
        var output = channels * Expansion;
        IEnumerable<ParameterSpec> Convolution(string name, long from, long to, long side) =>
            [new(prefix + name + ".weight", [to, from, side, side], true, Initial.UniformByFanIn(from * side * side))];
        return
        [
            .. Convolution("conv1", input, channels, 1),
            .. BatchNorm.Parameters(prefix + "bn1", channels),
            .. Convolution("conv2", channels, channels, 3),
            .. BatchNorm.Parameters(prefix + "bn2", channels),
            .. Convolution("conv3", channels, output, 1),
            // With a gain of zero the block starts as its shortcut.
            .. BatchNorm.Parameters(prefix + "bn3", output, Initial.Zero),
            .. NeedsShortcut(input, output, stride) ? Convolution("downsample.0", input, output, 1) : [],
            .. NeedsShortcut(input, output, stride) ? BatchNorm.Parameters(prefix + "downsample.1", output) : [],
        ];
    }

    /// <summary>x_bCHW → b(4C')H'W', where C' is the number of channels of the 3×3 convolution.</summary>
    public torch.Tensor Forward(torch.Tensor x_bCHW, BatchStatistics? statistics)
    {
        var y = _norms[0].Forward(Convolution.Apply(x_bCHW, _convolutions[0]), statistics, relu: true);
        y = _norms[1].Forward(Convolution.Apply(y, _convolutions[1]), statistics, relu: true);
        y = _norms[2].Forward(Convolution.Apply(Pool(y), _convolutions[2]), statistics);
        var shortcut = _shortcut is null ? x_bCHW : _shortcutNorm!.Forward(Convolution.Apply(Pool(x_bCHW), _shortcut), statistics);
        return (y + shortcut).relu();
    }

    private static bool NeedsShortcut(long input, long output, long stride) => stride > 1 || input != output;

    private torch.Tensor Pool(torch.Tensor x) => _stride > 1 ? nn.functional.avg_pool2d(x, _stride) : x;
}
