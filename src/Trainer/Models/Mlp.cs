using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>Two linear layers with an activation in between: x_bLW → bLW.</summary>
public sealed class Mlp(FlatParameters parameters, string prefix, Activation activation)
{
    private readonly torch.Tensor _fcWeight = parameters[prefix + "c_fc.weight"],
        _fcBias = parameters[prefix + "c_fc.bias"];
    private readonly torch.Tensor _projWeight = parameters[prefix + "c_proj.weight"],
        _projBias = parameters[prefix + "c_proj.bias"];

    /// <param name="prefix">Prefix of the parameter names.</param>
    /// <param name="width">W.</param>
    /// <param name="ratio">Hidden width as a multiple of W.</param>
    /// <param name="projectionStd">Standard deviation of the second layer's initial weights.</param>
    public static IEnumerable<ParameterSpec> Parameters(string prefix, int width, double ratio, double projectionStd)
    {
        var hidden = HiddenWidth(width, ratio);
        return
        [
            new(prefix + "c_fc.weight", [hidden, width], true, Initial.Normal(Math.Pow(2.0 * width, -0.5))),
            new(prefix + "c_fc.bias", [hidden], true, Initial.Zero),
            new(prefix + "c_proj.weight", [width, hidden], true, Initial.Normal(projectionStd)),
            new(prefix + "c_proj.bias", [width], true, Initial.Zero),
        ];
    }

    /// <summary>Width of the hidden layer.</summary>
    public static long HiddenWidth(int width, double ratio) => (long)(width * ratio);

    public torch.Tensor Forward(torch.Tensor x_bLW) =>
        Products.Linear(Activate(Products.Linear(x_bLW, _fcWeight.to(x_bLW.dtype), _fcBias)), _projWeight.to(x_bLW.dtype), _projBias);

    private torch.Tensor Activate(torch.Tensor x) =>
        activation switch
        {
            Activation.Gelu => nn.functional.gelu(x),
            Activation.QuickGelu => x * (x * 1.702).sigmoid(),
            _ => throw new NotSupportedException($"Unknown activation {activation}."),
        };
}
