using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A pre-norm residual attention block as CLIP's: x + attention(ln_1(x)), then x + mlp(ln_2(x)).
/// Shapes: b batch, L sequence, W width.
/// </summary>
/// <remarks>Binds to the parameters whose names begin with the prefix.</remarks>
public sealed class TransformerBlock(FlatParameters parameters, string prefix, int width, int heads, Activation activation)
{
    private readonly LayerNorm _norm1 = new(parameters, prefix + "ln_1"),
        _norm2 = new(parameters, prefix + "ln_2");
    private readonly Attention _attention = new(parameters, prefix + "attn.", width, heads);
    private readonly Mlp _mlp = new(parameters, prefix + "mlp.", activation);

    /// <summary>The parameters of a block in open_clip's order, initialised as the CLIP paper's code does.</summary>
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
    /// The block's output at one token of each sequence only, x_bLW → b1W. After the last block nothing else is read, so
    /// queries, output projection and MLP are computed for that token alone: the same numbers for a fraction of the work.
    /// </summary>
    /// <param name="x_bLW">The sequence.</param>
    /// <param name="select">Takes b1W out of bLW: the token that is read.</param>
    /// <param name="mask_b11L">Added to that token's attention logits; null attends everywhere.</param>
    public torch.Tensor ForwardAt(torch.Tensor x_bLW, Func<torch.Tensor, torch.Tensor> select, torch.Tensor? mask_b11L)
    {
        var h_bLW = _norm1.Forward(x_bLW);
        var x_b1W = select(x_bLW) + _attention.Forward(select(h_bLW), h_bLW, mask_b11L);
        return x_b1W + _mlp.Forward(_norm2.Forward(x_b1W));
    }
}
