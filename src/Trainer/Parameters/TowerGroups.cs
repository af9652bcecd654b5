using System.Globalization;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Parameters;

/// <summary>One of a CLIP's two towers.</summary>
public enum Tower
{
    Image,
    Text,
}

/// <summary>
/// A tower's parameters in groups, in the order in which a batch meets them: the stem (patches or tokens, positions), each
/// block, and what makes the embedding of the last block's output. Group i is what the tower's segment i computes with.
/// </summary>
public static class TowerGroups
{
    private const string TextBlock = "transformer.resblocks.",
        ImageBlock = "visual.transformer.resblocks.",
        Stage = "visual.layer";

    private static readonly string[] s_last =
    [
        "visual.ln_post.",
        "visual.attn_pool.",
        "visual.proj",
        "visual.attnpool.",
        "ln_final.",
        "text_projection",
    ];
    private static readonly string[] s_textStem = ["token_embedding.", "positional_embedding"];

    /// <summary>How many groups a tower has.</summary>
    public static int Count(ModelOptions model, Tower tower) =>
        2
        + (tower, model.Image.Architecture) switch
        {
            (Tower.Text, _) => model.Text.Layers,
            (_, ImageArchitecture.Resnet) => model.Image.Blocks!.Sum(),
            _ => model.Image.Layers!.Value,
        };

    /// <summary>The tower and the group of a parameter; null where it belongs to no tower, as the logit scale.</summary>
    public static (Tower Tower, int Group)? Of(ModelOptions model, string name)
    {
        var tower = name.StartsWith("visual.", StringComparison.Ordinal) ? Tower.Image : Tower.Text;
        if (s_last.Any(last => name.StartsWith(last, StringComparison.Ordinal)))
            return (tower, Count(model, tower) - 1);
        if (name.StartsWith(TextBlock, StringComparison.Ordinal))
            return (tower, 1 + NumberBehind(name, TextBlock.Length));
        if (name.StartsWith(ImageBlock, StringComparison.Ordinal))
            return (tower, 1 + NumberBehind(name, ImageBlock.Length));
        if (name.StartsWith(Stage, StringComparison.Ordinal))
            return (
                tower,
                1
                    + model.Image.Blocks!.Take(NumberBehind(name, Stage.Length) - 1).Sum()
                    + NumberBehind(name, name.IndexOf('.', Stage.Length) + 1)
            );
        return tower == Tower.Image || s_textStem.Any(stem => name.StartsWith(stem, StringComparison.Ordinal)) ? (tower, 0) : null;
    }

    private static int NumberBehind(string name, int start) =>
        int.Parse(name.AsSpan(start, name.IndexOf('.', start) - start), CultureInfo.InvariantCulture);
}
