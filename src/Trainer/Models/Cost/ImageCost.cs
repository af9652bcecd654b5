using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>Costs of the parts of an image tower, without their parameters. Part names are the prefixes of the parameter names.</summary>
internal static class ImageCost
{
    public static IEnumerable<(string Name, long Tokens, long Macs, Activations Activations)> Of(ModelOptions model) =>
        model.Image.Architecture == ImageArchitecture.Resnet ? ResNet(model.Image, model.EmbedDim) : VisionTransformer(model);

    private static IEnumerable<(string Name, long Tokens, long Macs, Activations Activations)> VisionTransformer(ModelOptions model)
    {
        var image = model.Image;
        long width = image.Width,
            patches = PatchGrid.Of(image).Count,
            tokens = Models.VisionTransformer.Tokens(image),
            hidden = Mlp.HiddenWidth(image.Width, image.MlpRatio);
        var block = new TransformerCost(tokens, width, image.Heads, hidden, model.Activation);
        var (macs, activations) =
            image.PatchEmbedding == PatchEmbedding.ConvStem
                ? Stem(image)
                : (patches * PatchPixels(image) * width, new Activations(patches * PatchPixels(image), 0));
        yield return ("patches", tokens, macs, activations + new Activations(0, tokens * width));
        yield return (
            "blocks",
            tokens,
            image.Layers!.Value * block.Macs,
            ((image.Layers.Value - 1) * block.Activations)
                + (image.Pooling == ImagePooling.ClassToken ? block.ActivationsOfOne : block.Activations)
        );
        yield return (
            "pooling",
            1,
            image.Pooling == ImagePooling.Attention
                ? (2 * width * width) + (patches * 2 * width * width) + (2 * patches * width) + (2 * width * hidden)
                : 0,
            image.Pooling == ImagePooling.ClassToken
                ? new Activations(0, width)
                : new Activations((image.Pooling == ImagePooling.Attention ? 3 : 1) * patches * width, patches * width)
        );
        yield return ("projection", 1, width * model.EmbedDim, new Activations(width, 0));
    }

    private static (long Macs, Activations Activations) Stem(ImageTowerOptions image)
    {
        long side = image.Size,
            macs = 0,
            width = image.Width;
        var activations = new Activations(3 * side * side, 0);
        foreach (var (from, to) in ConvStem.Channels(image))
        {
            side /= 2;
            macs += side * side * 9 * from * to;
            activations += Convolved(side, to);
        }

        return (macs + (side * side * width * width), activations);
    }

    private static IEnumerable<(string Name, long Tokens, long Macs, Activations Activations)> ResNet(
        ImageTowerOptions image,
        long embedDim
    )
    {
        long width = image.Width,
            side = image.Size / 2,
            half = width / 2;
        yield return (
            "stem",
            side * side / 4,
            side * side * 9 * ((3 * half) + (half * half) + (half * width)),
            new Activations(3L * image.Size * image.Size, 0)
                + (2 * Convolved(side, half))
                + Convolved(side, width)
                + new Activations(side * side / 4 * width, 0)
        );
        side /= 2;
        foreach (var stage in ModifiedResNet.Blocks(image).GroupBy(block => block.Channels))
        {
            long macs = 0;
            var activations = default(Activations);
            foreach (var (_, _, input, channels, stride) in stage)
            {
                long smaller = side / stride,
                    output = channels * Bottleneck.Expansion;
                var hasShortcut = stride > 1 || input != output;
                macs +=
                    (side * side * ((input * channels) + (9 * channels * channels)))
                    + (smaller * smaller * ((channels * output) + (hasShortcut ? input * output : 0)));
                activations += (2 * Convolved(side, channels)) + Convolved(smaller, output);
                if (hasShortcut)
                {
                    activations += new Activations(0, smaller * smaller * output);
                }

                if (stride > 1)
                {
                    activations += new Activations(smaller * smaller * (channels + input), 0);
                }

                side = smaller;
            }

            yield return ($"stage {Math.Log2(stage.Key / width) + 1}", side * side, macs, activations);
        }

        long places = (side * side) + 1,
            wide = ModifiedResNet.OutputWidth(image);
        yield return (
            "pooling",
            places,
            (places * ((3 * wide * wide) + (wide * embedDim))) + (2 * places * places * wide),
            new Activations((3 * places * wide) + (2 * wide) + (places * image.Heads), 0)
        );
    }

    /// <summary>A convolution's output, which BatchNorm reads, and the output of the activation.</summary>
    private static Activations Convolved(long side, long channels) => new(side * side * channels, side * side * channels);

    private static long PatchPixels(ImageTowerOptions image) => 3L * image.Patch!.Value * image.Patch.Value;
}
