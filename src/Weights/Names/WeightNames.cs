using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.Names;

/// <summary>Naming conventions of weights.</summary>
public enum NameConvention
{
    /// <summary>open_clip's names, which ClipTrain uses.</summary>
    OpenClip,

    /// <summary>OpenAI's names: the same, plus scalars describing the model that only its files have.</summary>
    OpenAi,

    /// <summary>Names of Hugging Face's CLIPModel.</summary>
    HuggingFace,
}

/// <summary>Maps the names of weights in files to ClipTrain's.</summary>
public static class WeightNames
{
    private const string TextPrefix = "text.";

    private static readonly string[] s_openAiOnly = ["input_resolution", "context_length", "vocab_size"];

    // Prefixes of wrappers used in training: DistributedDataParallel and torch.compile.
    private static readonly string[] s_wrappers = ["module.", "_orig_mod."];

    /// <summary>Detects the convention of a set of names.</summary>
    public static NameConvention ConventionOf(IEnumerable<string> names)
    {
        var known = names.Select(Unwrapped).ToHashSet(StringComparer.Ordinal);
        return known.Any(name =>
                name.StartsWith("text_model.", StringComparison.Ordinal) || name.StartsWith("vision_model.", StringComparison.Ordinal)
            )
                ? NameConvention.HuggingFace
            : s_openAiOnly.Any(known.Contains) ? NameConvention.OpenAi
            : NameConvention.OpenClip;
    }

    /// <summary>
    /// The weights under ClipTrain's names. Unknown names are kept; tensors derived from the configuration are dropped.
    /// </summary>
    /// <exception cref="WeightsException">Two names are equal without their prefixes.</exception>
    public static IWeights Ours(IWeights weights)
    {
        var tensors = Renamed(
            weights,
            weights.Shapes.Keys.Where(name => !IsDerived(name)).Select(name => (Unwrapped(name), ComposedWeights.Same(weights, name)))
        );
        if (ConventionOf(tensors.Keys) == NameConvention.HuggingFace)
        {
            return HuggingFaceNames.ToOurs(new ComposedWeights(weights, tensors));
        }
        // open_clip's CustomTextCLIP has its text tower in a submodule.
        return new ComposedWeights(
            weights,
            Renamed(
                weights,
                tensors.Select(tensor =>
                {
                    var name = tensor.Key.StartsWith(TextPrefix, StringComparison.Ordinal) ? tensor.Key[TextPrefix.Length..] : tensor.Key;
                    return (name, Scalar(name, tensor.Value));
                })
            )
        );
    }

    private static Dictionary<string, ComposedTensor> Renamed(IWeights weights, IEnumerable<(string Name, ComposedTensor Tensor)> tensors)
    {
        var renamed = new Dictionary<string, ComposedTensor>(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            if (!renamed.TryAdd(name, tensor))
            {
                throw new WeightsException($"{weights.Path}: has tensor '{name}' twice, with and without a prefix.");
            }
        }

        return renamed;
    }

    /// <summary>logit_scale and logit_bias are scalars in ClipTrain; open_clip may store them with one dimension.</summary>
    private static ComposedTensor Scalar(string name, ComposedTensor tensor) =>
        name is "logit_scale" or "logit_bias" && tensor.Shape is [1] ? tensor with { Shape = [] } : tensor;

    private static string Unwrapped(string name)
    {
        while (s_wrappers.FirstOrDefault(wrapper => name.StartsWith(wrapper, StringComparison.Ordinal)) is { } wrapper)
        {
            name = name[wrapper.Length..];
        }

        return name;
    }

    private static bool IsDerived(string name)
    {
        var last = name[(name.LastIndexOf('.') + 1)..];
        return last is "num_batches_tracked" or "position_ids" or "attn_mask"
            || s_openAiOnly.Contains(Unwrapped(name), StringComparer.Ordinal);
    }
}
