using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A pre-norm residual attention block as in CLIP: x + attention(ln_1(x)), then x + mlp(ln_2(x)). Shapes: b batch, L sequence, W
/// width.
/// </summary>
/// <remarks>Binds to the parameters whose names begin with the prefix.</remarks>
public sealed class TransformerBlock(FlatParameters parameters, string prefix, int width, int heads, Activation activation)
{
    private readonly LayerNorm _norm1 = new(parameters, prefix + "ln_1"),
        _norm2 = new(parameters, prefix + "ln_2");
    private readonly Attention _attention = new(parameters, prefix + "attn.", width, heads);
    private readonly Mlp _mlp = new(parameters, prefix + "mlp.", activation);

    /// <summary>The parameters of a block in open_clip's order, initialised as in the CLIP paper's code.</summary>
    public static IEnumerable<ParameterSpec> Parameters(string prefix, int width, int layers, double mlpRatio)
    {
        var projectionStd = Math.Pow(width, -0.5) * Math.Pow(2.0 * layers, -0.5);
        return
        [
            .. LayerNorm.Parameters(prefix + "ln_1", width),
            .. Attention.Parameters(prefix + "attn.", width, projectionStd),
            .. LayerNorm.Parameters(prefix + "ln_2", width),
            .. Mlp.Parameters(prefix + "mlp.", width, mlpRatio, projectionStd),
        ];
    }

    /// <summary>x_bLW → bLW. The mask is added to the attention logits; null attends everywhere.</summary>
    public torch.Tensor Forward(torch.Tensor x_bLW, torch.Tensor? mask)
    {
        x_bLW = x_bLW + _attention.Forward(_norm1.Forward(x_bLW), mask);
        return x_bLW + _mlp.Forward(_norm2.Forward(x_bLW));
    }

    /// <summary>
    /// The block's output at a single token of each sequence, x_bLW → b1W. After the last block no other token is read, so queries,
    /// output projection and MLP are computed for that token only: the same values for a fraction of the work.
    /// </summary>
    /// <param name="x_bLW">Input sequences.</param>
    /// <param name="select">Selects the token that is read: bLW → b1W.</param>
    /// <param name="mask_b11L">Added to that token's attention logits; null attends everywhere.</param>
    public torch.Tensor ForwardAt(torch.Tensor x_bLW, Func<torch.Tensor, torch.Tensor> select, torch.Tensor? mask_b11L)
    {
        var h_bLW = _norm1.Forward(x_bLW);
        var x_b1W = select(x_bLW) + _attention.Forward(select(h_bLW), h_bLW, mask_b11L);
        return x_b1W + _mlp.Forward(_norm2.Forward(x_b1W));
    }
}
