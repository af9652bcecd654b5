using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("Evaluation after training.")]
public sealed record EvaluationOptions
{
    [Description("Splits for image-to-text and text-to-image retrieval.")]
    public IReadOnlyList<RetrievalOptions> Retrieval { get; init; } = [];

    [Description("Labelled splits for zero-shot classification.")]
    public IReadOnlyList<ZeroShotOptions> ZeroShot { get; init; } = [];

    [Description("Labelled splits on which to measure accuracy for training.objective classification.")]
    public IReadOnlyList<ClassificationOptions> Classification { get; init; } = [];

    [Description(
        "Suite file with further sets and tasks, for cliptrain eval and for evaluation during training. See " + "docs/evaluation.md."
    )]
    public string? Suite { get; init; }

    [
        Description(
            "Number of steps between evaluations during training, in a separate process; 0 disables them. Uses "
                + "the first checkpoint at or after each multiple."
        ),
        Minimum(0)
    ]
    public long EverySteps { get; init; }

    [Description(
        "Metric that selects the best checkpoint, kept in the run's folder best, as in 'val retrieval "
            + "mean_recall_at_1' (set, task and metric of results.json). None is kept if empty."
    )]
    public string? BestFigure { get; init; }

    [
        Description(
            "Number of pairs in the probe batch, whose similarities the live page shows by step: the first pairs of the "
                + "first retrieval split, or of the training corpus if there is none. 0 disables it."
        ),
        Minimum(0),
        Maximum(32)
    ]
    public int ProbePairs { get; init; } = 16;

    [Description("Number of images embedded at once."), Minimum(1), Maximum(65536)]
    public int Batch { get; init; } = 256;
}

/// <summary>Options that every split of an evaluation has.</summary>
public abstract record EvaluationSplit
{
    [Description("Name of the split in reports: the NAME in eval.NAME.top1 or eval.NAME.image_to_text.r1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Column with the image bytes. If empty, data.image_column, or detected from the usual names.")]
    public string? ImageColumn { get; init; }
}

[Description(
    "A retrieval split on which to measure recall. Each caption of an image is a query and a correct answer, as "
        + "in the COCO and Flickr benchmarks; identical captions count as one concept."
)]
public sealed record RetrievalOptions : EvaluationSplit
{
    [
        Description(
            "Column with the caption or a list of captions, or several columns. If empty, data.caption_column, "
                + "or detected from the usual names."
        ),
        OneOrMore
    ]
    public IReadOnlyList<string>? CaptionColumn { get; init; }

    [Description("Column that identifies the image, if each row holds one of its captions. If empty, every row is a separate image.")]
    public string? GroupBy { get; init; }
}

[Description("A labelled split, classified by comparing images with descriptions of the classes.")]
public sealed record ZeroShotOptions : EvaluationSplit
{
    [Description("Column with the class; rows where it is null are skipped.")]
    public string LabelColumn { get; init; } = "label";

    [Description(
        "Names of the classes in the order of their numbers, if label_column holds numbers. If empty, those of "
            + "the file's metadata (ClassLabel of Hugging Face)."
    )]
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    [Description(
        "Prompt templates; {} stands for the class name. Embeddings, or log-likelihoods of models that predict text, are averaged over "
            + "the templates."
    )]
    public IReadOnlyList<string> Templates { get; init; } = ["a photo of a {}."];
}

[Description("A labelled split on which to measure accuracy, with the labels of data.label_column.")]
public sealed record ClassificationOptions : EvaluationSplit;
