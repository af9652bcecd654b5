using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Attention pooling of CLIP's ResNets: one attention layer whose query is the mean of the map, instead of average pooling. x_bCHW
/// → bE. L = HW + 1, N heads.
/// </summary>
public sealed class AttentionPool(FlatParameters parameters, string prefix, int heads)
{
    private readonly torch.Tensor _positions_LC = parameters[prefix + "positional_embedding"];
    private readonly (torch.Tensor Weight, torch.Tensor Bias)[] _layers =
    [
        .. s_layers.Select(layer => (parameters[$"{prefix}{layer}.weight"], parameters[$"{prefix}{layer}.bias"])),
    ];

    private static readonly string[] s_layers = ["q_proj", "k_proj", "v_proj", "c_proj"];

    /// <param name="prefix">Prefix of the parameter names.</param>
    /// <param name="positions">HW.</param>
    /// <param name="width">C.</param>
    /// <param name="embedDim">E.</param>
    public static IEnumerable<ParameterSpec> Parameters(string prefix, long positions, long width, long embedDim)
    {
        var std = Math.Pow(width, -0.5);
        return
        [
            new(prefix + "positional_embedding", [positions + 1, width], false, Initial.Normal(std)),
            .. s_layers.SelectMany(layer =>
                (ParameterSpec[])
                    [
                        new($"{prefix}{layer}.weight", [layer == "c_proj" ? embedDim : width, width], true, Initial.Normal(std)),
                        new($"{prefix}{layer}.bias", [layer == "c_proj" ? embedDim : width], true, Initial.UniformByFanIn(width)),
                    ]
            ),
        ];
    }

    public torch.Tensor Forward(torch.Tensor x_bCHW) => Attend(x_bCHW, queries: 1).squeeze(1);

    /// <summary>The same with every position of the map as a query, after the mean: x_bCHW → bLE.</summary>
    public torch.Tensor ForwardTokens(torch.Tensor x_bCHW) => Attend(x_bCHW, queries: _positions_LC.size(0));

    private torch.Tensor Attend(torch.Tensor x_bCHW, long queries)
    {
        var map_bPC = x_bCHW.flatten(2).transpose(1, 2);
        var x_bLC = cat([map_bPC.mean([1], keepdim: true), map_bPC], 1) + _positions_LC.to(x_bCHW.dtype);
        var mixed_bQC = Attention.Mix(Heads(x_bLC.narrow(1, 0, queries).contiguous(), 0), Heads(x_bLC, 1), Heads(x_bLC, 2), null);
        return Apply(mixed_bQC, 3);
    }

    private torch.Tensor Apply(torch.Tensor x_bLC, int layer) => Products.Linear(x_bLC, _layers[layer].Weight, _layers[layer].Bias);

    /// <summary>bLC → bNLD.</summary>
    private torch.Tensor Heads(torch.Tensor x_bLC, int layer) =>
        Apply(x_bLC, layer).reshape([x_bLC.size(0), x_bLC.size(1), heads, x_bLC.size(2) / heads]).transpose(1, 2);
}
