using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>LayerNorm over the last dimension, computed in fp32 whatever the input's type. The result has the input's type.</summary>
public sealed class LayerNorm(FlatParameters parameters, string name)
{
    private readonly torch.Tensor _weight = parameters[name + ".weight"],
        _bias = parameters[name + ".bias"];

    public static IEnumerable<ParameterSpec> Parameters(string name, int width) =>
        [new(name + ".weight", [width], false, Initial.One), new(name + ".bias", [width], false, Initial.Zero)];

    public torch.Tensor Forward(torch.Tensor x)
    {
        var type = x.dtype;
        var normalized = nn.functional.layer_norm(x.to(float32), _weight.shape, _weight, _bias);
        return normalized.to(type);
    }
}
