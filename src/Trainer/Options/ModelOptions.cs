using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("A CLIP model: an image tower, a text tower and the embedding space that they share.")]
public sealed record ModelOptions
{
    [Description("Width of the shared embedding."), Minimum(1)]
    public required int EmbedDim { get; init; }

    [Description("The image tower, a Vision Transformer or a ResNet.")]
    public required ImageTowerOptions Image { get; init; }

    [Description("The text tower, a transformer.")]
    public required TextTowerOptions Text { get; init; }

    [Description("Activation in the MLPs of the transformers. OpenAI's weights need quick_gelu, x·sigmoid(1.702x).")]
    public Activation Activation { get; init; } = Activation.Gelu;
}

public enum Activation
{
    Gelu,
    QuickGelu,
}

public enum ImageArchitecture
{
    Vit,
    Resnet,
}

public enum PatchEmbedding
{
    Linear,
    Convolution,
    ConvStem,
}

public enum ImagePooling
{
    ClassToken,
    Average,
    Attention,
}

public enum ImagePositions
{
    Learned,
    Sine,
    None,
}

[Description(
    "A Vision Transformer (Dosovitskiy et al. 2021) as in CLIP, with an extra LayerNorm before the blocks and no "
        + "bias in the patch embedding; or CLIP's ResNet (arXiv 2103.00020, section 2.4)."
)]
public sealed record ImageTowerOptions
{
    [Description(
        "vit, or resnet: a stem of three convolutions, anti-aliased shortcuts and attention pooling. Of the "
            + "other keys, a resnet uses only size, width, blocks and heads."
    )]
    public ImageArchitecture Architecture { get; init; }

    [Description("Side of the square input in pixels; a multiple of patch, or of 32 for a resnet."), Minimum(1)]
    public required int Size { get; init; }

    [Description("Side of a patch in pixels; required for a vit. 1 makes every pixel a token."), Minimum(1)]
    public int? Patch { get; init; }

    [Description("Distance between patches in pixels; less than patch makes them overlap. Defaults to patch."), Minimum(1)]
    public int? Stride { get; init; }

    [
        Description(
            "Width of the residual stream of a vit, a multiple of heads; or number of channels of a resnet's stem and " + "first stage."
        ),
        Minimum(1)
    ]
    public required int Width { get; init; }

    [Description("Number of blocks; required for a vit."), Minimum(1)]
    public int? Layers { get; init; }

    [Description("Number of bottleneck blocks in each of a resnet's four stages.")]
    public IReadOnlyList<int>? Blocks { get; init; }

    [
        Description("Number of attention heads, for a resnet those of its pooling. CLIP's ViTs have width / 64, its ResNets width / 2."),
        Minimum(1)
    ]
    public required int Heads { get; init; }

    [Description("Hidden width of the MLP as a multiple of width."), Minimum(0.01)]
    public double MlpRatio { get; init; } = 4;

    [Description(
        "Patch embedding: linear (flatten and multiply) or convolution, which are the same function with the "
            + "same weights; or conv_stem, 3×3 convolutions of stride 2 with BatchNorm (arXiv 2106.14881), for which "
            + "patch must be a power of 2."
    )]
    public PatchEmbedding PatchEmbedding { get; init; }

    [Description("Source of the feature: class_token, average of the patches, or attention with a learned query (MAP, arXiv 2106.04560).")]
    public ImagePooling Pooling { get; init; }

    [Description("Position embeddings of the patches: learned, sine (fixed, two-dimensional), or none.")]
    public ImagePositions Positions { get; init; }

    [Description("Number of register tokens: extra tokens that blocks can write to and no output reads (arXiv 2309.16588)."), Minimum(0)]
    public int Registers { get; init; }

    [
        Description(
            "Share of an image's patches dropped in training, drawn anew in each epoch (FLIP, arXiv 2212.00794). "
                + "Evaluation uses all patches."
        ),
        Minimum(0),
        Maximum(0.999999)
    ]
    public double PatchDropout { get; init; }

    [Description("Number of classes of the linear head on the tower's feature, for training.objective classification."), Minimum(2)]
    public int? Classes { get; init; }
}

public enum TextAttention
{
    Causal,
    Bidirectional,
}

public enum TextPooling
{
    EndOfText,
    Last,
    Mean,
}

[Description("CLIP's text transformer, pre-norm.")]
public sealed record TextTowerOptions
{
    [Description("Number of tokens that a caption is truncated or padded to."), Minimum(2)]
    public int Context { get; init; } = 77;

    [Description("Size of the vocabulary; must match the tokenizer."), Minimum(2)]
    public int Vocabulary { get; init; } = 49408;

    [Description("Width of the residual stream; a multiple of heads."), Minimum(1)]
    public required int Width { get; init; }

    [Description("Number of blocks."), Minimum(1)]
    public required int Layers { get; init; }

    [Description("Number of attention heads; CLIP's models have width / 64."), Minimum(1)]
    public required int Heads { get; init; }

    [Description("Hidden width of the MLP as a multiple of width."), Minimum(0.01)]
    public double MlpRatio { get; init; } = 4;

    [Description(
        "Attention mask: causal (a token sees itself and those before it), as in CLIP; or bidirectional (a token "
            + "sees the whole caption)."
    )]
    public TextAttention Attention { get; init; }

    [Description(
        "Source of the feature: end_of_text, as in CLIP; last, the last token of the context, where padding "
            + "counts as text; or mean, over the tokens of the caption."
    )]
    public TextPooling Pooling { get; init; }
}
