using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>
/// Which activation weights were trained with, where their files let it be known. Loaded with the other one they give numbers
/// that are wrong and look right.
/// </summary>
internal static class KnownActivation
{
    /// <summary>Key of the metadata of safetensors files that ClipTrain exports.</summary>
    public const string MetadataKey = "activation";

    /// <param name="weights">As they lie in the file.</param>
    /// <param name="activation">What the configuration says.</param>
    /// <param name="said">Where it says so.</param>
    /// <exception cref="WeightsException">The weights are known to need the other one.</exception>
    public static void Check(IWeights weights, Activation activation, string said)
    {
        var (known, why) = Of(weights);
        if (known is not null && known != activation)
        {
            throw new WeightsException(
                $"{weights.Path}: was trained with {Name(known.Value)} ({why}), but {said} says {Name(activation)}, which would give "
                    + "wrong features. "
                    + $"{(known == Activation.QuickGelu ? "Take the model's -quickgelu configuration." : "Take the model's configuration without -quickgelu.")}"
            );
        }
    }

    private static (Activation? Activation, string Why) Of(IWeights weights)
    {
        if (weights is SafetensorsFile file && file.Metadata.GetValueOrDefault(MetadataKey) is { } written)
            return (written == Name(Activation.QuickGelu) ? Activation.QuickGelu : Activation.Gelu, "its metadata says so");
        if (WeightNames.ConventionOf(weights.Shapes.Keys) == NameConvention.OpenAi)
            return (Activation.QuickGelu, "it is of OpenAI's, by its names");
        // open_clip's releases whose names say so.
        return Path.GetFileName(weights.Path).Contains("quickgelu", StringComparison.OrdinalIgnoreCase)
            ? (Activation.QuickGelu, "its name says so")
            : (null, "");
    }

    public static string Name(Activation activation) => activation == Activation.QuickGelu ? "quick_gelu" : "gelu";
}
