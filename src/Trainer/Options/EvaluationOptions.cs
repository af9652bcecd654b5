using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("Evaluation after training.")]
public sealed record EvaluationOptions
{
    [Description("Image-to-text and text-to-image retrieval, a split each.")]
    public IReadOnlyList<RetrievalOptions> Retrieval { get; init; } = [];

    [Description("Zero-shot classification, a labelled split each.")]
    public IReadOnlyList<ZeroShotOptions> ZeroShot { get; init; } = [];

    [Description("Accuracy of the classes that training.objective classification learns, a split each.")]
    public IReadOnlyList<ClassificationOptions> Classification { get; init; } = [];

    [Description("Suite file of further sets and tasks, for cliptrain eval and evaluation beside training; see docs/evaluation.md.")]
    public string? Suite { get; init; }

    [
        Description(
            "Evaluate a checkpoint every so many steps beside the training, in a process of its own; 0 for none. The first checkpoint at "
                + "or after each multiple is taken."
        ),
        Minimum(0)
    ]
    public long EverySteps { get; init; }

    [Description(
        "The figure by which the best checkpoint is kept in the run's folder best, as in 'val retrieval mean_recall_at_1' (set, task, "
            + "metric of results.json); none is kept when empty."
    )]
    public string? BestFigure { get; init; }

    [Description("Images embedded at once."), Minimum(1), Maximum(65536)]
    public int Batch { get; init; } = 256;
}

[Description(
    "A split on which recall is measured. Each of an image's captions is a query and a right answer, as in COCO's and Flickr's "
        + "benchmarks; equal captions count as one concept."
)]
public sealed record RetrievalOptions
{
    [Description("Name of the split in reports, as in eval.NAME.image_to_text.r1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Column with the image bytes; data.image_column, or found by its usual names, when empty.")]
    public string? ImageColumn { get; init; }

    [
        Description(
            "Column with the caption or a list of captions, or several; data.caption_column, or found by its usual names, when empty."
        ),
        OneOrMore
    ]
    public IReadOnlyList<string>? CaptionColumn { get; init; }

    [Description(
        "Column by which rows belong to one image, where each row has one of its captions; every row is an image of its own when empty."
    )]
    public string? GroupBy { get; init; }
}

[Description("A labelled split that is classified by comparing images with descriptions of the classes.")]
public sealed record ZeroShotOptions
{
    [Description("Name of the split in reports, as in eval.NAME.top1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Column with the image bytes; data.image_column, or found by its usual names, when empty.")]
    public string? ImageColumn { get; init; }

    [Description("Column with the class name; rows where it is null are left out.")]
    public string LabelColumn { get; init; } = "label";

    [Description(
        "Names of the classes in the order of their numbers, where label_column holds numbers; those of the file's metadata (Hugging "
            + "Face's ClassLabel) when empty."
    )]
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    [Description("Prompt templates; {} stands for the class name. Embeddings of all are averaged.")]
    public IReadOnlyList<string> Templates { get; init; } = ["a photo of a {}."];
}

[Description("A labelled split on which accuracy is measured, with the labels of data.label_column.")]
public sealed record ClassificationOptions
{
    [Description("Name of the split in reports, as in eval.NAME.top1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Column with the image bytes; data.image_column, or found by its usual names, when empty.")]
    public string? ImageColumn { get; init; }
}
