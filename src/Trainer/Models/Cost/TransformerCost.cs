using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Costs of <see cref="TransformerBlock"/>s. L tokens, W width, H heads, M the MLP's hidden width.</summary>
internal sealed record TransformerCost(long L, long W, long H, long M, Activation Activation)
{
    /// <summary>Four projections, the MLP's two layers, and the two products of attention.</summary>
    public long Macs => (L * ((4 * W * W) + (2 * W * M))) + (2 * L * L * W);

    /// <summary>
    /// The norms' inputs; then what the products read: both norms' outputs, queries, keys, values, attention's weights and
    /// mixtures, and the MLP's hidden layer before and after its activation, which QuickGELU takes a third value for.
    /// </summary>
    public Activations Activations => new((6 * L * W) + (H * L * L) + ((Activation == Activation.QuickGelu ? 3 : 2) * L * M), 2 * L * W);

    /// <summary>Those of the last block where one token of it is read: all keys and values, and one of the rest.</summary>
    public Activations ActivationsOfOne =>
        new((3 * L * W) + (3 * W) + (H * L) + ((Activation == Activation.QuickGelu ? 3 : 2) * M), (L * W) + W);
}
