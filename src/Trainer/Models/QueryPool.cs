using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Multi-head attention pooling (MAP; Zhai et al. 2021, arXiv 2106.04560): a learned query attends to the tokens, followed by an
/// MLP with a residual connection. x_bLW → bW.
/// </summary>
internal sealed class QueryPool(FlatParameters parameters, string prefix, ImageTowerOptions options, Activation activation)
{
    private readonly torch.Tensor _query_W = parameters[prefix + "query"];
    private readonly Attention _attention = new(parameters, prefix + "attn.", options.Width, options.Heads);
    private readonly LayerNorm _norm = new(parameters, prefix + "ln_2");
    private readonly Mlp _mlp = new(parameters, prefix + "mlp.", activation);

    public static IEnumerable<ParameterSpec> Parameters(string prefix, ImageTowerOptions options)
    {
        var std = Math.Pow(options.Width, -0.5);
        return
        [
            new(prefix + "query", [options.Width], false, Initial.Normal(std)),
            .. Attention.Parameters(prefix + "attn.", options.Width, std),
            .. LayerNorm.Parameters(prefix + "ln_2", options.Width),
            .. Mlp.Parameters(prefix + "mlp.", options.Width, options.MlpRatio, std),
        ];
    }

    public torch.Tensor Forward(torch.Tensor x_bLW)
    {
        var query_b1W = _query_W.to(x_bLW.dtype).expand([x_bLW.size(0), 1, x_bLW.size(2)]);
        var read_b1W = _attention.Forward(query_b1W, x_bLW, null);
        return (read_b1W + _mlp.Forward(_norm.Forward(read_b1W))).squeeze(1);
    }
}
