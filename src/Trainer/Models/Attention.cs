using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Multi-head attention with PyTorch's fused weights, which may be stored in another type than the compute type. Shapes: b batch, L
/// sequence, Q queries, W width, H heads, D = W / H.
/// </summary>
public sealed class Attention(FlatParameters parameters, string prefix, int width, int heads)
{
    private readonly torch.Tensor _inWeight = parameters[prefix + "in_proj_weight"],
        _inBias = parameters[prefix + "in_proj_bias"];
    private readonly torch.Tensor _outWeight = parameters[prefix + "out_proj.weight"],
        _outBias = parameters[prefix + "out_proj.bias"];

    /// <param name="prefix">Prefix of the parameter names.</param>
    /// <param name="width">W.</param>
    /// <param name="projectionStd">Standard deviation of the output projection's initial weights.</param>
    public static IEnumerable<ParameterSpec> Parameters(string prefix, int width, double projectionStd) =>
        [
            new(prefix + "in_proj_weight", [3L * width, width], true, Initial.Normal(Math.Pow(width, -0.5))),
            new(prefix + "in_proj_bias", [3L * width], true, Initial.Zero),
            new(prefix + "out_proj.weight", [width, width], true, Initial.Normal(projectionStd)),
            new(prefix + "out_proj.bias", [width], true, Initial.Zero),
        ];

    /// <summary>softmax(q·kᵀ / √D + mask) · v, with the heads concatenated: bHQD, bHLD, bHLD → bQW.</summary>
    public static torch.Tensor Mix(torch.Tensor q_bHQD, torch.Tensor k_bHLD, torch.Tensor v_bHLD, torch.Tensor? mask)
    {
        var logits_bHQL = (q_bHQD * Math.Pow(q_bHQD.size(3), -0.5)).MatMul(k_bHLD.transpose(-2, -1));
        if (mask is not null)
        {
            logits_bHQL = logits_bHQL + mask;
        }

        return logits_bHQL
            .softmax(-1)
            .MatMul(v_bHLD)
            .transpose(1, 2)
            .reshape([q_bHQD.size(0), q_bHQD.size(2), q_bHQD.size(1) * q_bHQD.size(3)]);
    }

    /// <summary>Self-attention: x_bLW → bLW. The mask is added to the attention logits; null attends everywhere.</summary>
    public torch.Tensor Forward(torch.Tensor x_bLW, torch.Tensor? mask)
    {
        var qkv = Split(Products.Linear(x_bLW, _inWeight.to(x_bLW.dtype), _inBias), 3);
        return Project(Mix(qkv[0], qkv[1], qkv[2], mask));
    }

    /// <summary>Cross-attention: queries_bQW, x_bLW → bQW.</summary>
    public torch.Tensor Forward(torch.Tensor queries_bQW, torch.Tensor x_bLW, torch.Tensor? mask)
    {
        var q = Split(Products.Linear(queries_bQW, _inWeight.narrow(0, 0, width).to(queries_bQW.dtype), _inBias.narrow(0, 0, width)), 1);
        var kv = Split(
            Products.Linear(x_bLW, _inWeight.narrow(0, width, 2L * width).to(x_bLW.dtype), _inBias.narrow(0, width, 2L * width)),
            2
        );
        return Project(Mix(q[0], kv[0], kv[1], mask));
    }

    private torch.Tensor Project(torch.Tensor mixed_bQW) => Products.Linear(mixed_bQW, _outWeight.to(mixed_bQW.dtype), _outBias);

    private torch.Tensor[] Split(torch.Tensor x_bLX, long parts) =>
        x_bLX.reshape([x_bLX.size(0), x_bLX.size(1), parts, heads, width / heads]).permute([2, 0, 3, 1, 4]).unbind(0);
}
