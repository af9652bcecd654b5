using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

public enum Precision
{
    Fp32,
    Bf16,
    Fp16,
}

public enum WeightType
{
    Fp32,
    Bf16,
}

public enum MomentType
{
    Fp32,
    Bf16,
    Int8,
}

public enum Objective
{
    Contrastive,
    Sigmoid,
    BagOfWords,
    Captioning,
    Classification,
    TwoViews,
}

/// <summary>Properties of the objectives that other parts depend on.</summary>
public static class ObjectiveTraits
{
    /// <summary>True if images and texts get embeddings in one space, each from its own tower, and pairs of them are compared.</summary>
    public static bool HasSharedSpace(this Objective objective) => objective is Objective.Contrastive or Objective.Sigmoid;

    /// <summary>True if the objective learns from captions; otherwise they are not read.</summary>
    public static bool ReadsCaptions(this Objective objective) => objective is not (Objective.Classification or Objective.TwoViews);

    /// <summary>True if the model can classify images by class names that it was not trained on: it compares or predicts texts.</summary>
    public static bool IsZeroShot(this Objective objective) => objective.ReadsCaptions();

    /// <summary>Number of augmented views of each image in a batch.</summary>
    public static int Views(this Objective objective) => objective == Objective.TwoViews ? 2 : 1;

    /// <summary>True if image embeddings are compared with others, so that their cosine means likeness.</summary>
    public static bool ComparesImages(this Objective objective) => objective.HasSharedSpace() || objective == Objective.TwoViews;

    /// <summary>
    /// Initial logit scale and bias of an objective that compares embeddings; no bias if it learns none. CLIP starts with a temperature of
    /// 0.07. SigLIP starts with a scale of 10 and a bias of −10, because most pairs do not match (arXiv 2303.15343, section 3.2).
    /// </summary>
    public static (double Scale, double? Bias) InitialLogits(this Objective objective) =>
        objective == Objective.Sigmoid ? (10, -10) : (1 / 0.07, null);
}

public enum ActivationCheckpointing
{
    None,
    Block,
}

[Description("Optimisation. Defaults are those of the CLIP paper for a ViT (arXiv 2103.00020, tables 18 to 20).")]
public sealed record TrainingOptions
{
    [Description(
        "Training objective: contrastive, CLIP's softmax over the global batch; sigmoid, SigLIP's pairwise loss "
            + "with a learned bias (arXiv 2303.15343); a prediction from the image: bag_of_words, the tokens of its "
            + "caption (arXiv 1511.02251); captioning, the caption itself, token by token; or classification, its "
            + "label; or two_views, from images alone: the softmax over the global batch between two augmented views of "
            + "each image (arXiv 2002.05709), which trains a detector of near-duplicates. The last four have no text "
            + "tower to compare images with."
    )]
    public Objective Objective { get; init; }

    [
        Description("Share of a label's weight that is spread evenly over all classes, for objective classification."),
        Minimum(0),
        Maximum(0.999999)
    ]
    public double LabelSmoothing { get; init; }

    [Description("Pairs per step, over all workers."), Minimum(1), Maximum(1 << 24)]
    public required int GlobalBatch { get; init; }

    [Description("Length of the run in optimizer steps. Give either this or epochs."), Minimum(1)]
    public long? Steps { get; init; }

    [
        Description("Length of the run in passes over the corpus, or over all samples of a mixture. Give either this or steps."),
        Minimum(0.000001)
    ]
    public double? Epochs { get; init; }

    [Description(
        "Compute type of the towers. LayerNorm and loss are always fp32. With fp16 the loss is scaled; the scale "
            + "doubles after 2,000 steps without overflow. A step whose gradients overflow changes no weight and "
            + "halves the scale (arXiv 1710.03740)."
    )]
    public Precision Precision { get; init; } = Precision.Fp32;

    [Description(
        "Storage type of Adam's moments between steps: fp32; bf16; or int8, one byte each plus a scale per 256 "
            + "values (arXiv 2110.02861). bf16 and int8 are rounded stochastically, which is unbiased."
    )]
    public MomentType Moments { get; init; } = MomentType.Fp32;

    [Description("Peak learning rate."), Minimum(0)]
    public double LearningRate { get; init; } = 5e-4;

    [Description("Steps of linear warm-up, followed by cosine decay to zero."), Minimum(0)]
    public long WarmupSteps { get; init; } = 2000;

    [Description("Decay rate of the first moment."), Minimum(0), Maximum(0.999999)]
    public double Beta1 { get; init; } = 0.9;

    [Description("Decay rate of the second moment."), Minimum(0), Maximum(0.999999)]
    public double Beta2 { get; init; } = 0.98;

    [Description("Added to the square root of the second moment."), Minimum(0)]
    public double Epsilon { get; init; } = 1e-6;

    [Description("Decoupled weight decay, applied to matrices only."), Minimum(0)]
    public double WeightDecay { get; init; } = 0.2;

    [Description("Clip the norm of the gradient over all parameters to this; 0 disables clipping."), Minimum(0)]
    public double GradientClip { get; init; }

    [Description("Upper bound of the logit scale, the factor on cosine similarities (exp of the learned parameter)."), Minimum(1)]
    public double MaxLogitScale { get; init; } = 100;

    [Description("Rows of the logit matrix held in memory at once."), Minimum(1)]
    public int LossTileRows { get; init; } = 512;

    [
        Description(
            "Pairs that a worker runs through the towers at once; 0 for all of its share. The loss is still that "
                + "of the global batch: the towers run forward twice (GradCache, arXiv 2101.06983), and memory grows "
                + "with this instead of the batch."
        ),
        Minimum(0)
    ]
    public int MicroBatch { get; init; }

    [Description(
        "Activations recomputed in the backward pass to save memory: none, or block, which stores only the "
            + "inputs of the transformer blocks. The gradients are the same."
    )]
    public ActivationCheckpointing ActivationCheckpointing { get; init; } = ActivationCheckpointing.None;

    [Description("Synchronise BatchNorm statistics over all workers, in models that have BatchNorms.")]
    public bool SyncBatchNorm { get; init; }

    [Description(
        "Each worker stores only its part of the optimizer's moments (ZeRO stage 1, arXiv 1910.02054). The "
            + "resulting weights are the same."
    )]
    public bool ShardOptimizer { get; init; }

    [Description(
        "Initial weights: a file, a checkpoint, a run (its newest checkpoint), or a folder of open_clip, Hugging "
            + "Face or cliptrain export. Position tables of another resolution or context are resized; from the token "
            + "table of another vocabulary, the rows of shared tokens are taken. start_from.json in the run's "
            + "directory lists what happened to each tensor. By default weights are drawn from the seed."
    )]
    public string? StartFrom { get; init; }

    [Description("Prefixes of the names of tensors that training.start_from does not load, as in [text_projection, visual.proj].")]
    public IReadOnlyList<string> StartFromExcept { get; init; } = [];

    [Description(
        "SHA-256 of the tensors taken from training.start_from. The run writes it to its config.yaml, so that no "
            + "worker can start from other weights."
    )]
    public string? StartFromSha256 { get; init; }

    [Description(
        "Groups of the towers that are trained. The groups of a tower are its stem (patches or tokens, with "
            + "positions), each block, and the head that turns the last block's output into the embedding. All other "
            + "groups are locked: they get no gradient, decay or moments, their BatchNorms keep the running "
            + "statistics, and backward does not pass through them."
    )]
    public UnlockedGroupsOptions UnlockedGroups { get; init; } = new();

    [Description(
        "Ratio of a group's learning rate to that of the next group (BEiT, arXiv 2106.08254). The last group of "
            + "a tower has the full rate."
    )]
    public LayerDecayOptions LayerDecay { get; init; } = new();

    [Description(
        "Storage type of the text tower's trained matrices: fp32, or bf16 with stochastic rounding at each "
            + "update, which is unbiased (arXiv 1502.02551); their gradients are then rounded too. Gains and biases "
            + "are always fp32."
    )]
    public WeightType TextWeights { get; init; } = WeightType.Fp32;
}

[Description("Number of trained groups of each tower, counted from its end.")]
public sealed record UnlockedGroupsOptions
{
    [Description("Image tower; 0 locks all of it (LiT, arXiv 2111.07991). By default all groups are trained."), Minimum(0)]
    public int? Image { get; init; }

    [Description("Text tower; 0 locks all of it. By default all groups are trained."), Minimum(0)]
    public int? Text { get; init; }
}

[Description("Layer-wise learning rate decay for each tower.")]
public sealed record LayerDecayOptions
{
    [Description("Image tower; 1 gives all groups the same rate."), Minimum(0.000001), Maximum(1)]
    public double Image { get; init; } = 1;

    [Description("Text tower; 1 gives all groups the same rate."), Minimum(0.000001), Maximum(1)]
    public double Text { get; init; } = 1;
}
