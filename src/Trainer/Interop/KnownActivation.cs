using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>
/// Detects the activation that weights were trained with, if their files reveal it. Loaded with the other activation, the weights
/// give plausible but wrong results.
/// </summary>
internal static class KnownActivation
{
    /// <summary>Metadata key in safetensors files that ClipTrain exports.</summary>
    public const string MetadataKey = "activation";

    /// <param name="weights">The weights as stored in the file.</param>
    /// <param name="activation">The configured activation.</param>
    /// <param name="said">Source of the configured activation, for messages.</param>
    /// <exception cref="WeightsException">The weights are known to need the other activation.</exception>
    public static void Check(IWeights weights, Activation activation, string said)
    {
        var (known, why) = Of(weights);
        if (known is not null && known != activation)
        {
            throw new WeightsException(
                $"{weights.Path}: was trained with {Name(known.Value)} ({why}), but {said} says {Name(activation)}, which would give "
                    + $"wrong features. Use the model's {(known == Activation.QuickGelu ? "-quickgelu" : "plain (not -quickgelu)")} "
                    + "configuration."
            );
        }
    }

    private static (Activation? Activation, string Why) Of(IWeights weights)
    {
        if (weights is SafetensorsFile file && file.Metadata.GetValueOrDefault(MetadataKey) is { } written)
        {
            return (written == Name(Activation.QuickGelu) ? Activation.QuickGelu : Activation.Gelu, "its metadata says so");
        }

        if (WeightNames.ConventionOf(weights.Shapes.Keys) == NameConvention.OpenAi)
        {
            return (Activation.QuickGelu, "its tensor names are OpenAI's");
        }
        // open_clip's releases whose file names contain it.
        return Path.GetFileName(weights.Path).Contains("quickgelu", StringComparison.OrdinalIgnoreCase)
            ? (Activation.QuickGelu, "its name says so")
            : (null, "");
    }

    public static string Name(Activation activation) => activation == Activation.QuickGelu ? "quick_gelu" : "gelu";
}
