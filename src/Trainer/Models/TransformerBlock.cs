using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A pre-norm residual attention block as CLIP's: x + attention(ln_1(x)), then x + mlp(ln_2(x)).
/// Shapes: b batch, L sequence, W width, H heads, D = W / H.
/// </summary>
public sealed class TransformerBlock
{
    private readonly int _width, _heads;
    private readonly Activation _activation;
    private readonly LayerNorm _norm1, _norm2;
    private readonly torch.Tensor _inWeight, _inBias, _outWeight, _outBias, _fcWeight, _fcBias, _projWeight, _projBias;

    /// <summary>Binds to the parameters whose names begin with <paramref name="prefix"/>.</summary>
    public TransformerBlock(FlatParameters parameters, string prefix, int width, int heads, Activation activation)
    {
        (_width, _heads, _activation) = (width, heads, activation);
        _norm1 = new LayerNorm(parameters, prefix + "ln_1");
        _norm2 = new LayerNorm(parameters, prefix + "ln_2");
        _inWeight = parameters[prefix + "attn.in_proj_weight"];
        _inBias = parameters[prefix + "attn.in_proj_bias"];
        _outWeight = parameters[prefix + "attn.out_proj.weight"];
        _outBias = parameters[prefix + "attn.out_proj.bias"];
        _fcWeight = parameters[prefix + "mlp.c_fc.weight"];
        _fcBias = parameters[prefix + "mlp.c_fc.bias"];
        _projWeight = parameters[prefix + "mlp.c_proj.weight"];
        _projBias = parameters[prefix + "mlp.c_proj.bias"];
    }

    /// <summary>The parameters of a block in open_clip's order, initialised as the CLIP paper's code does.</summary>
    public static IEnumerable<ParameterSpec> Parameters(string prefix, int width, int layers, double mlpRatio)
    {
        long hidden = MlpWidth(width, mlpRatio);
        var attentionStd = Math.Pow(width, -0.5);
        var projectionStd = attentionStd * Math.Pow(2.0 * layers, -0.5);
        var fcStd = Math.Pow(2.0 * width, -0.5);
        return
        [
            .. LayerNorm.Parameters(prefix + "ln_1", width),
            new(prefix + "attn.in_proj_weight", [3L * width, width], true, Initial.Normal(attentionStd)),
            new(prefix + "attn.in_proj_bias", [3L * width], true, Initial.Zero),
            new(prefix + "attn.out_proj.weight", [width, width], true, Initial.Normal(projectionStd)),
            new(prefix + "attn.out_proj.bias", [width], true, Initial.Zero),
            .. LayerNorm.Parameters(prefix + "ln_2", width),
            new(prefix + "mlp.c_fc.weight", [hidden, width], true, Initial.Normal(fcStd)),
            new(prefix + "mlp.c_fc.bias", [hidden], true, Initial.Zero),
            new(prefix + "mlp.c_proj.weight", [width, hidden], true, Initial.Normal(projectionStd)),
            new(prefix + "mlp.c_proj.bias", [width], true, Initial.Zero),
        ];
    }

    /// <summary>Hidden width of the MLP.</summary>
    public static long MlpWidth(int width, double ratio) => (long)(width * ratio);

    /// <summary>x_bLW → bLW. The mask is added to the attention logits; null attends everywhere.</summary>
    public torch.Tensor Forward(torch.Tensor x_bLW, torch.Tensor? mask_LL)
    {
        var qkv_bLX = nn.functional.linear(_norm1.Forward(x_bLW), _inWeight, _inBias);
        var qkv_3bHLD = qkv_bLX.reshape([x_bLW.size(0), x_bLW.size(1), 3, _heads, _width / _heads]).permute([2, 0, 3, 1, 4]);
        var qkv = qkv_3bHLD.unbind(0);
        return AttendAndMix(x_bLW, qkv[0], qkv[1], qkv[2], mask_LL);
    }

    /// <summary>
    /// The block's output at one token of each sequence only, x_bLW → b1W. After the last block nothing else is read, so
    /// queries, output projection and MLP are computed for that token alone: the same numbers for a fraction of the work.
    /// </summary>
    /// <param name="x_bLW">The sequence.</param>
    /// <param name="select">Takes b1W out of bLW: the token that is read.</param>
    /// <param name="mask_b11L">Added to that token's attention logits; null attends everywhere.</param>
    public torch.Tensor ForwardAt(torch.Tensor x_bLW, Func<torch.Tensor, torch.Tensor> select, torch.Tensor? mask_b11L)
    {
        long batch = x_bLW.size(0), length = x_bLW.size(1), headWidth = _width / _heads;
        var h_bLW = _norm1.Forward(x_bLW);
        var q_b1W = nn.functional.linear(select(h_bLW), _inWeight.narrow(0, 0, _width), _inBias.narrow(0, 0, _width));
        var kv_bLX = nn.functional.linear(h_bLW, _inWeight.narrow(0, _width, 2L * _width), _inBias.narrow(0, _width, 2L * _width));
        var kv = kv_bLX.reshape([batch, length, 2, _heads, headWidth]).permute([2, 0, 3, 1, 4]).unbind(0);
        return AttendAndMix(select(x_bLW), q_b1W.reshape([batch, 1, _heads, headWidth]).transpose(1, 2), kv[0], kv[1], mask_b11L);
    }

    private torch.Tensor AttendAndMix(torch.Tensor x_bQW, torch.Tensor q_bHQD, torch.Tensor k_bHLD, torch.Tensor v_bHLD, torch.Tensor? mask)
    {
        var logits_bHQL = (q_bHQD * Math.Pow(_width / _heads, -0.5)).matmul(k_bHLD.transpose(-2, -1));
        if (mask is not null)
            logits_bHQL = logits_bHQL + mask;
        var mixed_bQW = logits_bHQL.softmax(-1).matmul(v_bHLD).transpose(1, 2).reshape([x_bQW.size(0), x_bQW.size(1), _width]);
        x_bQW = x_bQW + nn.functional.linear(mixed_bQW, _outWeight, _outBias);
        var hidden = Activate(nn.functional.linear(_norm2.Forward(x_bQW), _fcWeight, _fcBias));
        return x_bQW + nn.functional.linear(hidden, _projWeight, _projBias);
    }

    private torch.Tensor Activate(torch.Tensor x) => _activation switch
    {
        Activation.Gelu => nn.functional.gelu(x),
        Activation.QuickGelu => x * (x * 1.702).sigmoid(),
        _ => throw new NotSupportedException($"Unknown activation {_activation}."),
    };
}
