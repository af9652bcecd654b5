using System.ComponentModel;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Layout of a set on disk.</summary>
public enum SetLayout
{
    Auto,
    Parquet,
    Folders,
    Webdataset,
    Csv,
}

/// <summary>A figure that can represent a set.</summary>
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

/// <summary>A measurement on a set.</summary>
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
        "The test images: Parquet files, folders of them or globs; a folder of class folders, or with "
            + "metadata.csv; a CLIP_benchmark folder; a CSV file."
    )]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Training images of probes, few-shot and k-NN, laid out like data.")]
    public IReadOnlyList<string> Train { get; init; } = [];

    [Description("Validation images for choosing the regularization; by default a fixed tenth of train.")]
    public IReadOnlyList<string> Validation { get; init; } = [];

    [Description("Layout of the images: parquet, folders, webdataset (CLIP_benchmark's), csv, or auto to detect it.")]
    public SetLayout Layout { get; init; }

    [Description("Name of the split's folder in a CLIP_benchmark folder.")]
    public string Split { get; init; } = "test";

    [Description(
        "Tasks to measure. By default zero_shot with a label column or labelled folders, retrieval with captions, and probe, few_shot "
            + "and knn if train is given."
    )]
    public IReadOnlyList<string> Tasks { get; init; } = [];

    [Description("The figure that represents the set in comparisons.")]
    public MainMetric Metric { get; init; }

    [Description("Column with the image bytes, or with the path in a CSV; by default the run's, or a column with a usual name.")]
    public string? ImageColumn { get; init; }

    [Description("Column with the caption or a list of captions; by default the run's, or a column with a usual name.")]
    public string? CaptionColumn { get; init; }

    [Description("Column that groups the rows of an image, if each row has one of its captions.")]
    public string? GroupBy { get; init; }

    [Description("Column with the class: its name, or its number in the list of classes.")]
    public string LabelColumn { get; init; } = "label";

    [Description("Separator of several classes in the label column; by default an image has one class.")]
    public string? LabelSeparator { get; init; }

    [Description("Names of the classes in the order of their numbers.")]
    public IReadOnlyList<string> Classes { get; init; } = [];

    [Description("File with the names: one per line, or a JSON list.")]
    public string? ClassesFile { get; init; }

    [Description("Subset of the classes to use, such as a shift's; all by default. Images of other classes are " + "skipped.")]
    public IReadOnlyList<string> Subset { get; init; } = [];

    [Description("Prompt templates; {} stands for the class name. Their embeddings are averaged.")]
    public IReadOnlyList<string> Templates { get; init; } = [];

    [Description("File with templates: one per line, a JSON list, or a JSON object with a list of prompts per class.")]
    public string? TemplatesFile { get; init; }

    [Description("Column that defines groups; the accuracy of the worst group is reported.")]
    public string? GroupColumn { get; init; }

    [Description("Columns with attributes, such as age or gender, for an audit.")]
    public IReadOnlyList<string> Attributes { get; init; } = [];
}

/// <summary>Creates errors that name the set.</summary>
internal static class SetError
{
    public static CorpusException Of(string set, string message) => new(Words(set, message));

    /// <summary>The error's message.</summary>
    public static string Words(string set, string message) => $"Evaluation set '{set}': {message}";
}
