using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>Models that both ClipTrain and open_clip can express, covering each option value at least once.</summary>
public static class ReferenceCases
{
    private static readonly ModelOptions s_vit = new()
    {
        EmbedDim = 20,
        Image = new ImageTowerOptions
        {
            Size = 24,
            Patch = 8,
            Width = 32,
            Layers = 2,
            Heads = 2,
        },
        Text = new TextTowerOptions
        {
            Context = 12,
            Vocabulary = 48,
            Width = 24,
            Layers = 2,
            Heads = 3,
        },
    };

    private static readonly ModelOptions s_resnet = s_vit with
    {
        Image = new ImageTowerOptions
        {
            Architecture = ImageArchitecture.Resnet,
            Size = 64,
            Width = 4,
            Blocks = [2, 1, 1, 1],
            Heads = 4,
        },
    };

    public static IReadOnlyList<ReferenceCase> All { get; } =
    [
        new("vit", s_vit),
        new("vit, quick gelu", s_vit with { Activation = Activation.QuickGelu }),
        new("vit, patches by convolution", Image(image => image with { PatchEmbedding = PatchEmbedding.Convolution })),
        new("vit, narrow mlp", Image(image => image with { MlpRatio = 2 }) with { Text = s_vit.Text with { MlpRatio = 3 } }),
        new("vit, sine positions", Image(image => image with { Positions = ImagePositions.Sine })),
        // open_clip averages the patches next to an unused class token; in ClipTrain that is a register.
        new("vit, average pooling", Image(image => image with { Pooling = ImagePooling.Average, Registers = 1 })),
        new("vit, logit scale at its lower bound", s_vit)
        {
            LogitScale = 1e-4,
            Seed = 3,
            Pairs = 4,
        },
        new("text, last token", Text(text => text with { Pooling = TextPooling.Last })),
        new(
            "text, bidirectional, last token",
            Text(text => text with { Attention = TextAttention.Bidirectional, Pooling = TextPooling.Last })
        ),
        // open_clip's bidirectional captions attend to their padding, ClipTrain's do not: equal if there is no padding.
        new("text, bidirectional", Text(text => text with { Attention = TextAttention.Bidirectional })) { FullCaptions = true },
        // Small, and with the best of 30 seeds, because the slope of a ReLU jumps: if one of its inputs comes within rounding of
        // zero in five steps, two programs diverge. Here none comes closer than 1e-5.
        new("resnet", s_resnet) { Seed = 2, Pairs = 4 },
    ];

    private static ModelOptions Image(Func<ImageTowerOptions, ImageTowerOptions> change) => s_vit with { Image = change(s_vit.Image) };

    private static ModelOptions Text(Func<TextTowerOptions, TextTowerOptions> change) => s_vit with { Text = change(s_vit.Text) };
}
