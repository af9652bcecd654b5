using System.Globalization;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Parameters;

/// <summary>One of the two towers of a CLIP model.</summary>
public enum Tower
{
    Image,
    Text,
}

/// <summary>
/// Layer groups of a tower, in forward order: the stem (patches or tokens, positions), each block, and the head that turns the last
/// block's output into the embedding. Group i contains the parameters of the tower's segment i.
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

    /// <summary>Number of groups of a tower.</summary>
    public static int Count(ModelOptions model, Tower tower) =>
        2
        + (tower, model.Image.Architecture) switch
        {
            (Tower.Text, _) => model.Text.Layers,
            (_, ImageArchitecture.Resnet) => model.Image.Blocks!.Sum(),
            _ => model.Image.Layers!.Value,
        };

    /// <summary>Tower and group of a parameter; null if it belongs to no tower, such as the logit scale.</summary>
    public static (Tower Tower, int Group)? Of(ModelOptions model, string name)
    {
        var tower = name.StartsWith("visual.", StringComparison.Ordinal) ? Tower.Image : Tower.Text;
        if (s_last.Any(last => name.StartsWith(last, StringComparison.Ordinal)))
        {
            return (tower, Count(model, tower) - 1);
        }

        if (name.StartsWith(TextBlock, StringComparison.Ordinal))
        {
            return (tower, 1 + NumberBehind(name, TextBlock.Length));
        }

        if (name.StartsWith(ImageBlock, StringComparison.Ordinal))
        {
            return (tower, 1 + NumberBehind(name, ImageBlock.Length));
        }

        if (name.StartsWith(Stage, StringComparison.Ordinal))
        {
            return (
                tower,
                1
                    + model.Image.Blocks!.Take(NumberBehind(name, Stage.Length) - 1).Sum()
                    + NumberBehind(name, name.IndexOf('.', Stage.Length) + 1)
            );
        }

        return tower == Tower.Image || s_textStem.Any(stem => name.StartsWith(stem, StringComparison.Ordinal)) ? (tower, 0) : null;
    }

    private static int NumberBehind(string name, int start) =>
        int.Parse(name.AsSpan(start, name.IndexOf('.', start) - start), CultureInfo.InvariantCulture);
}
