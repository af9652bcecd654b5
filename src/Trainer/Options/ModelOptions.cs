using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("A CLIP: an image tower, a text tower and the space that they share.")]
public sealed record ModelOptions
{
    [Description("Width of the shared embedding."), Minimum(1)]
    public required int EmbedDim { get; init; }

    [Description("The image tower, a Vision Transformer or a ResNet.")]
    public required ImageTowerOptions Image { get; init; }

    [Description("The text tower, a transformer.")]
    public required TextTowerOptions Text { get; init; }

    [Description("Activation of the transformers' MLPs. OpenAI's weights need quick_gelu, x·sigmoid(1.702x).")]
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
    "A Vision Transformer (Dosovitskiy et al. 2021) as CLIP has it, with an extra LayerNorm before the blocks and no bias in the patch "
        + "embedding; or CLIP's ResNet (arXiv 2103.00020, section 2.4)."
)]
public sealed record ImageTowerOptions
{
    [Description(
        "vit, or resnet: three-convolution stem, anti-aliased shortcuts, attention pooling. A resnet has size, width, blocks and heads "
            + "of these keys alone."
    )]
    public ImageArchitecture Architecture { get; init; }

    [Description("Side of the square input in pixels; a multiple of patch, or of 32 for a resnet."), Minimum(1)]
    public required int Size { get; init; }

    [Description("Side of a patch in pixels; a vit must have it. 1 makes every pixel a token."), Minimum(1)]
    public int? Patch { get; init; }

    [Description("Pixels from a patch to the next; less than patch makes patches overlap. By default patch."), Minimum(1)]
    public int? Stride { get; init; }

    [Description("Width of the residual stream of a vit, a multiple of heads; channels of a resnet's stem and first stage."), Minimum(1)]
    public required int Width { get; init; }

    [Description("Number of blocks; a vit must have it."), Minimum(1)]
    public int? Layers { get; init; }

    [Description("Bottleneck blocks of each of a resnet's four stages.")]
    public IReadOnlyList<int>? Blocks { get; init; }

    [Description("Attention heads, of a resnet those of its pooling; CLIP's models have width / 64, resnets width / 2."), Minimum(1)]
    public required int Heads { get; init; }

    [Description("Hidden width of the MLP as a multiple of width."), Minimum(0.01)]
    public double MlpRatio { get; init; } = 4;

    [Description(
        "How patches become tokens: linear (flatten and multiply) or convolution, which are the same function with the same weights; or "
            + "conv_stem, 3×3 convolutions of stride 2 with BatchNorm (arXiv 2106.14881), where patch is a power of 2."
    )]
    public PatchEmbedding PatchEmbedding { get; init; }

    [Description(
        "Where the feature is read: class_token, the average of the patches, or attention of a learned query over them (MAP, arXiv "
            + "2106.04560)."
    )]
    public ImagePooling Pooling { get; init; }

    [Description("Positions of the patches: learned, sine (fixed, two-dimensional), or none.")]
    public ImagePositions Positions { get; init; }

    [Description("Tokens beside those of patches and class that blocks may write to and nothing reads (arXiv 2309.16588)."), Minimum(0)]
    public int Registers { get; init; }

    [
        Description(
            "Share of an image's patches that training leaves out, drawn anew for each epoch (FLIP, arXiv 2212.00794). Evaluation sees all."
        ),
        Minimum(0),
        Maximum(0.999999)
    ]
    public double PatchDropout { get; init; }

    [Description("Classes of the linear head on the tower's feature, for training.objective classification."), Minimum(2)]
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
    [Description("Tokens a caption is cut or padded to."), Minimum(2)]
    public int Context { get; init; } = 77;

    [Description("Size of the vocabulary; must be that of the tokenizer."), Minimum(2)]
    public int Vocabulary { get; init; } = 49408;

    [Description("Width of the residual stream; a multiple of heads."), Minimum(1)]
    public required int Width { get; init; }

    [Description("Number of blocks."), Minimum(1)]
    public required int Layers { get; init; }

    [Description("Attention heads; CLIP's models have width / 64."), Minimum(1)]
    public required int Heads { get; init; }

    [Description("Hidden width of the MLP as a multiple of width."), Minimum(0.01)]
    public double MlpRatio { get; init; } = 4;

    [Description("What a token attends to: causal, itself and those before it, as CLIP's; or bidirectional, all of the caption.")]
    public TextAttention Attention { get; init; }

    [Description(
        "Where the feature is read: end_of_text, as CLIP's; last, the context's last token, padding counting as text; or mean, over the "
            + "caption's tokens."
    )]
    public TextPooling Pooling { get; init; }
}
