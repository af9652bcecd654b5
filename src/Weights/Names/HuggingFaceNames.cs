using System.Text.RegularExpressions;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.Names;

/// <summary>
/// Maps between the names of Hugging Face's CLIPModel and ClipTrain's. Hugging Face transposes projections and separates queries,
/// keys and values.
/// </summary>
internal static partial class HuggingFaceNames
{
    private const string Query = "q",
        Key = "k",
        Value = "v";

    private static readonly (string Ours, string Theirs)[] s_whole =
    [
        ("logit_scale", "logit_scale"),
        ("logit_bias", "logit_bias"),
        ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
        ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
        ("ln_final.weight", "text_model.final_layer_norm.weight"),
        ("ln_final.bias", "text_model.final_layer_norm.bias"),
        ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
        ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
        ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
        // Hugging Face's spelling.
        ("visual.ln_pre.weight", "vision_model.pre_layrnorm.weight"),
        ("visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"),
        ("visual.ln_post.weight", "vision_model.post_layernorm.weight"),
        ("visual.ln_post.bias", "vision_model.post_layernorm.bias"),
    ];

    private static readonly (string Ours, string Theirs)[] s_transposed =
    [
        ("text_projection", "text_projection.weight"),
        ("visual.proj", "visual_projection.weight"),
    ];

    private static readonly (string Ours, string Theirs)[] s_towers =
    [
        ("transformer.resblocks.", "text_model.encoder.layers."),
        ("visual.transformer.resblocks.", "vision_model.encoder.layers."),
    ];

    private static readonly (string Ours, string Theirs)[] s_layers =
    [
        ("ln_1.", "layer_norm1."),
        ("ln_2.", "layer_norm2."),
        ("attn.out_proj.", "self_attn.out_proj."),
        ("mlp.c_fc.", "mlp.fc1."),
        ("mlp.c_proj.", "mlp.fc2."),
    ];

    /// <summary>Weights with Hugging Face's names under ClipTrain's. Other names are kept.</summary>
    public static IWeights ToOurs(IWeights theirs)
    {
        var tensors = new Dictionary<string, ComposedTensor>(StringComparer.Ordinal);
        foreach (var name in theirs.Shapes.Keys)
        {
            if (s_transposed.FirstOrDefault(pair => pair.Theirs == name).Ours is { } transposed && theirs.Shapes[name].Count == 2)
            {
                tensors[transposed] = ComposedWeights.Transposed(theirs, name);
            }
            else if (Attention().Match(name) is { Success: true } match && JoinedParts(theirs, match) is { } parts)
            {
                var block = Swap(s_towers, match.Groups["tower"].Value, back: true) + match.Groups["layer"].Value;
                tensors[$"{block}.attn.in_proj_{match.Groups["kind"].Value}"] = ComposedWeights.Joined(theirs, parts);
            }
            else
            {
                tensors[Renamed(name, back: true)] = ComposedWeights.Same(theirs, name);
            }
        }

        return new ComposedWeights(theirs, tensors);
    }

    /// <summary>Weights with ClipTrain's names under Hugging Face's.</summary>
    public static IWeights ToTheirs(IWeights ours)
    {
        var tensors = new Dictionary<string, ComposedTensor>(StringComparer.Ordinal);
        foreach (var name in ours.Shapes.Keys)
        {
            if (s_transposed.FirstOrDefault(pair => pair.Ours == name).Theirs is { } transposed)
            {
                tensors[transposed] = ComposedWeights.Transposed(ours, name);
            }
            else if (name.IndexOf("attn.in_proj_", StringComparison.Ordinal) is >= 0 and var at)
            {
                foreach (var (part, i) in new[] { Query, Key, Value }.Select((part, i) => (part, i)))
                {
                    tensors[$"{Swap(s_towers, name[..at], back: false)}self_attn.{part}_proj.{name[(at + "attn.in_proj_".Length)..]}"] =
                        ComposedWeights.Part(ours, name, i, 3);
                }
            }
            else
            {
                tensors[Renamed(name, back: false)] = ComposedWeights.Same(ours, name);
            }
        }

        return new ComposedWeights(ours, tensors);
    }

    /// <summary>The three tensors that form a fused projection, if all exist with the same shape.</summary>
    private static string[]? JoinedParts(IWeights theirs, Match match)
    {
        string[] names =
        [
            .. new[] { Query, Key, Value }.Select(part =>
                $"{match.Groups["tower"].Value}{match.Groups["layer"].Value}.self_attn.{part}_proj.{match.Groups["kind"].Value}"
            ),
        ];
        return
            names.All(theirs.Shapes.ContainsKey)
            && names.All(name => theirs.Shapes[name].Count > 0 && theirs.Shapes[name].SequenceEqual(theirs.Shapes[names[0]]))
            ? names
            : null;
    }

    private static string Renamed(string name, bool back)
    {
        var whole = Array.Find(s_whole, pair => (back ? pair.Theirs : pair.Ours) == name);
        if (whole.Ours is not null)
        {
            return back ? whole.Ours : whole.Theirs;
        }

        var swapped = Swap(s_towers, name, back);
        if (swapped == name)
        {
            return name;
        }

        var tower = s_towers
            .Select(pair => back ? pair.Ours : pair.Theirs)
            .First(prefix => swapped.StartsWith(prefix, StringComparison.Ordinal));
        var dot = swapped.IndexOf('.', tower.Length) + 1;
        return swapped[..dot] + Swap(s_layers, swapped[dot..], back);
    }

    /// <summary>Replaces the prefix of a name.</summary>
    private static string Swap((string Ours, string Theirs)[] pairs, string name, bool back)
    {
        foreach (var (ours, theirs) in pairs)
        {
            var (from, to) = back ? (theirs, ours) : (ours, theirs);
            if (name.StartsWith(from, StringComparison.Ordinal))
            {
                return to + name[from.Length..];
            }
        }

        return name;
    }

    [GeneratedRegex(
        @"^(?<tower>(text|vision)_model\.encoder\.layers\.)(?<layer>[0-9]+)\.self_attn\.[qkv]_proj\.(?<kind>weight|bias)\z",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Attention();
}
