using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Cost of one <see cref="TransformerBlock"/>. L tokens, W width, H heads, M hidden width of the MLP.</summary>
internal sealed record TransformerCost(long L, long W, long H, long M, Activation Activation)
{
    /// <summary>Four projections, the two layers of the MLP, and the two matrix products of attention.</summary>
    public long Macs => (L * ((4 * W * W) + (2 * W * M))) + (2 * L * L * W);

    /// <summary>
    /// The inputs of the norms, then the operands of the products: outputs of both norms, queries, keys, values, attention weights
    /// and their output, and the hidden layer of the MLP before and after its activation (QuickGELU stores a third value).
    /// </summary>
    public Activations Activations => new((6 * L * W) + (H * L * L) + ((Activation == Activation.QuickGelu ? 3 : 2) * L * M), 2 * L * W);

    /// <summary>
    /// Activations of the last block if only one token is read: all keys and values, and a single token of everything else.
    /// </summary>
    public Activations ActivationsOfOne =>
        new((3 * L * W) + (3 * W) + (H * L) + ((Activation == Activation.QuickGelu ? 3 : 2) * M), (L * W) + W);
}
