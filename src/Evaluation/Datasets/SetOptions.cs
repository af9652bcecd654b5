using System.ComponentModel;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>How the images of a set lie on disk.</summary>
public enum SetLayout
{
    Auto,
    Parquet,
    Folders,
    Webdataset,
    Csv,
}

/// <summary>A figure that can stand for a set.</summary>
public enum MainMetric
{
    Top1,
    Top5,
    MeanPerClass,
    WorstGroup,
    MacroF1,
    Map11,
    RocAuc,
    MeanRecallAt1,
}

/// <summary>What is measured on a set.</summary>
public enum SetTask
{
    ZeroShot,
    Retrieval,
    Probe,
    FewShot,
    Knn,
}

[Description("A set of images with labels, captions or both.")]
public sealed record SetOptions
{
    [Description("Name of the set in reports.")]
    public required string Name { get; init; }

    [Description(
        "The test images: Parquet files, folders of them or globs; a folder of class folders; a CLIP_benchmark folder; a CSV file."
    )]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Training images of probes, few-shot and k-NN, laid out like data.")]
    public IReadOnlyList<string> Train { get; init; } = [];

    [Description("Validation images of the search for the regularisation; when empty a tenth of train, the same each time.")]
    public IReadOnlyList<string> Validation { get; init; } = [];

    [Description("How the images lie on disk: parquet, folders, webdataset (CLIP_benchmark's) or csv; found by looking when auto.")]
    public SetLayout Layout { get; init; }

    [Description("Name of the split's folder in a CLIP_benchmark folder.")]
    public string Split { get; init; } = "test";

    [Description(
        "What is measured. When empty: zero_shot with a label column or labelled folders, retrieval with captions, and probe, few_shot "
            + "and knn where train is given."
    )]
    public IReadOnlyList<string> Tasks { get; init; } = [];

    [Description("The figure that stands for the set in comparisons.")]
    public MainMetric Metric { get; init; }

    [Description("Column with the image bytes, or in a CSV with the path; the run's, or found by its usual names, when empty.")]
    public string? ImageColumn { get; init; }

    [Description("Column with the caption or a list of captions; the run's, or found by its usual names, when empty.")]
    public string? CaptionColumn { get; init; }

    [Description("Column by which rows belong to one image, where each row has one of its captions.")]
    public string? GroupBy { get; init; }

    [Description("Column with the class: its name, or its number in the list of classes.")]
    public string LabelColumn { get; init; } = "label";

    [Description("What separates several classes of one image in the label column; an image has one class when empty.")]
    public string? LabelSeparator { get; init; }

    [Description("Names of the classes in the order of their numbers.")]
    public IReadOnlyList<string> Classes { get; init; } = [];

    [Description("File with the names: one a line, or a JSON list.")]
    public string? ClassesFile { get; init; }

    [Description(
        "The classes that are used, of those that the set has, such as a shift's subset; all when empty. Images of other classes are "
            + "left out."
    )]
    public IReadOnlyList<string> Subset { get; init; } = [];

    [Description("Prompt templates; {} stands for the class name. The embeddings of all are averaged.")]
    public IReadOnlyList<string> Templates { get; init; } = [];

    [Description("File with templates: one a line, a JSON list, or a JSON object with a list of prompts a class.")]
    public string? TemplatesFile { get; init; }

    [Description("Column whose values are groups; the accuracy of the worst is reported.")]
    public string? GroupColumn { get; init; }

    [Description("Columns with attributes, such as age or gender, for an audit.")]
    public IReadOnlyList<string> Attributes { get; init; } = [];
}
