using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>Rules that relate the options of an image tower.</summary>
internal static class ImageValidation
{
    private const int ResNetStages = 4,
        ResNetReduction = 32;

    /// <param name="image">The tower's options. Keys with errors may be unset.</param>
    /// <param name="prefix">Prefix of its keys, ending in a dot.</param>
    /// <param name="isBound">True if a key was read without an error. Rules that involve other keys are skipped.</param>
    public static IEnumerable<Problem> Check(ImageTowerOptions image, string prefix, Func<string, bool> isBound)
    {
        var rules = new RunValidation.RuleList(isBound);
        string[] Keys(params string[] names) => [.. names.Select(name => prefix + name)];
        if (isBound(prefix + "architecture"))
        {
            if (image.Architecture == ImageArchitecture.Resnet)
            {
                AddResNet(rules, image, Keys);
            }
            else
            {
                AddVisionTransformer(rules, image, Keys);
            }
        }

        return rules.Problems;
    }

    private static void AddVisionTransformer(RunValidation.RuleList rules, ImageTowerOptions image, Func<string[], string[]> keys)
    {
        rules.Add(keys(["patch"]), () => image.Patch is null ? "is missing: a vit needs the side of its patches" : null);
        rules.Add(keys(["layers"]), () => image.Layers is null ? "is missing: a vit needs a number of blocks" : null);
        rules.Add(keys(["blocks"]), () => image.Blocks is null ? null : "is for a resnet; a vit has layers");
        rules.Add(
            keys(["size", "patch"]),
            () =>
                image.Stride is null && image.Patch is { } patch && image.Size % patch != 0
                    ? $"is {image.Size}, not a multiple of patch, {patch}"
                    : null
        );
        rules.Add(
            keys(["stride", "patch", "size"]),
            () =>
                image switch
                {
                    { Stride: null } or { Patch: null } => null,
                    _ when image.Stride > image.Patch =>
                        $"is {image.Stride}, more than patch, {image.Patch}: the pixels between patches would be ignored",
                    _ when image.PatchEmbedding == PatchEmbedding.ConvStem => "is given, but the stride of a conv_stem is always patch",
                    _ when image.Size < image.Patch || (image.Size - image.Patch) % image.Stride != 0 =>
                        $"is {image.Stride}: patches of {image.Patch} at such distances do not end at the edge of {image.Size} pixels",
                    _ => null,
                }
        );
        rules.Add(
            keys(["patch", "patch_embedding"]),
            () =>
                image.PatchEmbedding == PatchEmbedding.ConvStem && image.Patch is { } patch && (patch < 2 || !int.IsPow2(patch))
                    ? $"is {patch}, not a power of 2, as a conv_stem needs"
                    : null
        );
        rules.Add(keys(["width", "heads"]), () => RunValidation.Divisible(image.Width, image.Heads));
        rules.Add(
            keys(["width", "positions"]),
            () =>
                image.Positions == ImagePositions.Sine && image.Width % 4 != 0
                    ? $"is {image.Width}, not a multiple of 4, as sine positions need"
                    : null
        );
        rules.Add(
            keys(["width", "patch", "patch_embedding"]),
            () =>
                image.PatchEmbedding == PatchEmbedding.ConvStem && image.Patch is { } patch && image.Width % patch != 0
                    ? $"is {image.Width}, not a multiple of patch, {patch}, as a conv_stem needs"
                    : null
        );
    }

    private static void AddResNet(RunValidation.RuleList rules, ImageTowerOptions image, Func<string[], string[]> keys)
    {
        rules.Add(
            keys(["blocks"]),
            () =>
                image.Blocks is null || image.Blocks.Count != ResNetStages || image.Blocks.Any(blocks => blocks < 1)
                    ? "must have four numbers of at least 1, as [3, 4, 6, 3]"
                    : null
        );
        rules.Add(
            keys(["size"]),
            () => image.Size % ResNetReduction == 0 ? null : $"is {image.Size}, not a multiple of {ResNetReduction}, as a resnet needs"
        );
        rules.Add(
            keys(["width"]),
            () => image.Width % 2 == 0 ? null : $"is {image.Width}, but the stem of a resnet begins with half of it"
        );
        rules.Add(
            keys(["heads", "width"]),
            () =>
                image.Width * ResNetReduction % image.Heads == 0
                    ? null
                    : $"is {image.Heads}, which does not divide the resnet's last width, {image.Width * ResNetReduction}"
        );
        foreach (
            var (key, given) in new[]
            {
                ("patch", image.Patch is not null),
                ("stride", image.Stride is not null),
                ("layers", image.Layers is not null),
                ("registers", image.Registers != 0),
                ("patch_dropout", image.PatchDropout != 0),
                ("pooling", image.Pooling != ImagePooling.ClassToken),
                ("positions", image.Positions != ImagePositions.Learned),
                ("patch_embedding", image.PatchEmbedding != PatchEmbedding.Linear),
            }
        )
        {
            rules.Add(keys([key]), () => given ? "is for a vit; this is a resnet" : null);
        }
    }
}
