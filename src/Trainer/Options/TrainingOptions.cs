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
}

public enum ActivationCheckpointing
{
    None,
    Block,
}

[Description("The optimisation. Defaults are the CLIP paper's for a ViT (arXiv 2103.00020, tables 18 to 20).")]
public sealed record TrainingOptions
{
    [Description(
        "What the model learns: contrastive, CLIP's softmax over the global batch; sigmoid, SigLIP's pairwise loss with a learned bias "
            + "(arXiv 2303.15343); or, from the image alone, bag_of_words, which tokens its caption holds (arXiv 1511.02251), "
            + "captioning, the caption itself, token by token, or classification, its label. The last three have no text tower to "
            + "compare images with."
    )]
    public Objective Objective { get; init; }

    [
        Description("Share of a label's weight that is spread evenly over all classes, for objective classification."),
        Minimum(0),
        Maximum(0.999999)
    ]
    public double LabelSmoothing { get; init; }

    [Description("Pairs in a step, over all workers."), Minimum(1), Maximum(1 << 24)]
    public required int GlobalBatch { get; init; }

    [Description("Length of the run in optimizer steps; give this or epochs."), Minimum(1)]
    public long? Steps { get; init; }

    [
        Description("Length of the run in passes over the corpus, of a mixture in multiples of all its samples; give this or steps."),
        Minimum(0.000001)
    ]
    public double? Epochs { get; init; }

    [Description(
        "Type that the towers compute in. LayerNorm and loss are fp32 always. With fp16 the loss is scaled, by twice as much after 2,000 "
            + "steps without overflow; a step whose gradients overflow changes no weight, and halves the scale (arXiv 1710.03740)."
    )]
    public Precision Precision { get; init; } = Precision.Fp32;

    [Description(
        "What Adam's moments are kept in between steps: fp32; bf16; or int8, a byte each with a scale for every 256 (arXiv 2110.02861). "
            + "The last two are rounded stochastically, right on average."
    )]
    public MomentType Moments { get; init; } = MomentType.Fp32;

    [Description("Peak learning rate."), Minimum(0)]
    public double LearningRate { get; init; } = 5e-4;

    [Description("Steps of linear warm-up; a cosine to zero follows."), Minimum(0)]
    public long WarmupSteps { get; init; } = 2000;

    [Description("Decay of the first moment."), Minimum(0), Maximum(0.999999)]
    public double Beta1 { get; init; } = 0.9;

    [Description("Decay of the second moment."), Minimum(0), Maximum(0.999999)]
    public double Beta2 { get; init; } = 0.98;

    [Description("Added to the root of the second moment."), Minimum(0)]
    public double Epsilon { get; init; } = 1e-6;

    [Description("Decoupled weight decay, on matrices only."), Minimum(0)]
    public double WeightDecay { get; init; } = 0.2;

    [Description("The gradient's norm over all parameters is clipped to this; 0 does not clip."), Minimum(0)]
    public double GradientClip { get; init; }

    [Description("The factor on the cosine similarities, exp of the learned logit scale, is clipped to this."), Minimum(1)]
    public double MaxLogitScale { get; init; } = 100;

    [Description("Rows of the matrix of logits that are held at once."), Minimum(1)]
    public int LossTileRows { get; init; } = 512;

    [
        Description(
            "Pairs that a worker runs through the towers at once; 0 for all of its share. The loss is that of the global batch all the "
                + "same: towers run forward twice (GradCache, arXiv 2101.06983), and memory grows with this in place of the batch."
        ),
        Minimum(0)
    ]
    public int MicroBatch { get; init; }

    [Description(
        "What the backward pass computes again to save memory: none, or block, which keeps the inputs of the transformer blocks alone. "
            + "The gradients are the same."
    )]
    public ActivationCheckpointing ActivationCheckpointing { get; init; } = ActivationCheckpointing.None;

    [Description(
        "BatchNorms normalise with the statistics of what all workers compute at once, in place of one worker's; for models that have any."
    )]
    public bool SyncBatchNorm { get; init; }

    [Description(
        "Each worker keeps the optimizer's moments of its part of the weights alone (ZeRO stage 1, arXiv 1910.02054). The weights become "
            + "the same."
    )]
    public bool ShardOptimizer { get; init; }

    [Description(
        "Weights that the run starts from: a file, a checkpoint, a run, of which the newest checkpoint is meant, or a folder of "
            + "open_clip, Hugging Face or cliptrain export. Positions of another resolution or context are resized, a token table of "
            + "another vocabulary gives the rows of the tokens that both have; start_from.json in the run's directory says what became "
            + "of each tensor. By default weights are drawn from the seed."
    )]
    public string? StartFrom { get; init; }

    [Description("Tensors that start fresh all the same, by what their names begin with, as in [text_projection, visual.proj].")]
    public IReadOnlyList<string> StartFromExcept { get; init; } = [];

    [Description(
        "SHA-256 of what is taken of training.start_from. The run writes it into its config.yaml, so that none of its workers starts "
            + "from other weights."
    )]
    public string? StartFromSha256 { get; init; }

    [Description(
        "Which groups of the towers are trained. A tower's groups are its stem (patches or tokens, with positions), each of its blocks, "
            + "and what makes the embedding of the last block's output. The others are locked: they get no gradient, no decay and no "
            + "moments, their BatchNorms keep the running statistics, and no backward pass goes through them."
    )]
    public UnlockedGroupsOptions UnlockedGroups { get; init; } = new();

    [Description(
        "What a group's learning rate is of that of the group behind it (BEiT, arXiv 2106.08254). The last group of a tower has the full "
            + "rate."
    )]
    public LayerDecayOptions LayerDecay { get; init; } = new();

    [Description(
        "What the text tower's trained matrices are kept in: fp32, or bf16, to which each update rounds them stochastically, right on "
            + "average (arXiv 1502.02551); their gradients are then rounded too. Gains and biases are fp32 always."
    )]
    public WeightType TextWeights { get; init; } = WeightType.Fp32;
}

[Description("Groups of each tower that are trained, counted from its end.")]
public sealed record UnlockedGroupsOptions
{
    [Description("Of the image tower; 0 locks all of it (LiT, arXiv 2111.07991). By default all are trained."), Minimum(0)]
    public int? Image { get; init; }

    [Description("Of the text tower; 0 locks all of it. By default all are trained."), Minimum(0)]
    public int? Text { get; init; }
}

[Description("Layer-wise decay of the learning rate, for each tower.")]
public sealed record LayerDecayOptions
{
    [Description("Of the image tower; 1 gives all groups the same rate."), Minimum(0.000001), Maximum(1)]
    public double Image { get; init; } = 1;

    [Description("Of the text tower; 1 gives all groups the same rate."), Minimum(0.000001), Maximum(1)]
    public double Text { get; init; } = 1;
}
