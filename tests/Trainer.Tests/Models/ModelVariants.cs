using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

/// <summary>Small models that cover every value of the model options.</summary>
internal static class ModelVariants
{
    public static IReadOnlyDictionary<string, ModelOptions> All { get; } =
        new Dictionary<string, ModelOptions>(StringComparer.Ordinal)
        {
            ["vit"] = TinyClip.Model,
            ["quick gelu"] = TinyClip.Model with { Activation = Activation.QuickGelu },
            ["resnet"] = TinyClip.ResNet,
            ["convolution"] = Image(image => image with { PatchEmbedding = PatchEmbedding.Convolution }),
            ["overlapping patches"] = Image(image => image with { Stride = 4 }),
            ["overlapping patches by convolution"] = Image(image => image with { Stride = 4, PatchEmbedding = PatchEmbedding.Convolution }),
            ["pixels"] = Image(image => image with { Size = 6, Patch = 1 }),
            ["convolutional stem"] = Image(image => image with { PatchEmbedding = PatchEmbedding.ConvStem }),
            ["average"] = Image(image => image with { Pooling = ImagePooling.Average }),
            ["attention pooling"] = Image(image => image with { Pooling = ImagePooling.Attention }),
            ["sine positions"] = Image(image => image with { Positions = ImagePositions.Sine }),
            ["no positions"] = Image(image => image with { Positions = ImagePositions.None }),
            ["registers"] = Image(image => image with { Registers = 3 }),
            ["average with registers and sines"] = Image(image =>
                image with
                {
                    Registers = 2,
                    Pooling = ImagePooling.Average,
                    Positions = ImagePositions.Sine,
                }
            ),
            ["attention pooling with registers, no positions"] = Image(image =>
                image with
                {
                    Registers = 1,
                    Pooling = ImagePooling.Attention,
                    Positions = ImagePositions.None,
                }
            ),
            ["bidirectional text"] = Text(text => text with { Attention = TextAttention.Bidirectional }),
            ["last token"] = Text(text => text with { Pooling = TextPooling.Last }),
            ["last token, bidirectional"] = Text(text => text with { Attention = TextAttention.Bidirectional, Pooling = TextPooling.Last }),
            ["mean of text"] = Text(text => text with { Pooling = TextPooling.Mean }),
            ["mean of text, bidirectional"] = Text(text =>
                text with
                {
                    Attention = TextAttention.Bidirectional,
                    Pooling = TextPooling.Mean,
                }
            ),
        };

    /// <summary>Residual blocks of a ResNet start with a gain of zero, under which most gradients vanish.</summary>
    public static void GiveResidualsWeight(FlatParameters parameters)
    {
        using var guard = no_grad();
        foreach (var spec in parameters.Specs.Where(spec => spec.Name.EndsWith("bn3.weight", StringComparison.Ordinal)))
        {
            parameters[spec.Name].fill_(0.5);
        }
    }

    private static ModelOptions Image(Func<ImageTowerOptions, ImageTowerOptions> change) =>
        TinyClip.Model with
        {
            Image = change(TinyClip.Model.Image),
        };

    private static ModelOptions Text(Func<TextTowerOptions, TextTowerOptions> change) =>
        TinyClip.Model with
        {
            Text = change(TinyClip.Model.Text),
        };
}
