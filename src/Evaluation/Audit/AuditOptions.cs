using System.ComponentModel;

namespace ClipTrain.Evaluation.Audit;

[Description("An audit of a set with attribute columns.")]
public sealed record AuditOptions
{
    [Description("The set; its attributes define the groups.")]
    public required string Set { get; init; }

    [Description("Label sets to compare, to see the effect of adding or rewording classes.")]
    public IReadOnlyList<LabelSetOptions> LabelSets { get; init; } = [];

    [Description("Probabilities above which a label counts; by default only the most probable label counts.")]
    public IReadOnlyList<double> Thresholds { get; init; } = [];

    [Description("Prompt templates; {} stands for the label.")]
    public IReadOnlyList<string> Templates { get; init; } = ["a photo of a {}."];
}

[Description("Labels for a model to choose from.")]
public sealed record LabelSetOptions
{
    [Description("Name of the label set in reports.")]
    public required string Name { get; init; }

    [Description("Labels by category.")]
    public IReadOnlyList<LabelCategoryOptions> Categories { get; init; } = [];
}

[Description("A category of labels.")]
public sealed record LabelCategoryOptions
{
    [Description("Name of the category, such as non-human.")]
    public required string Name { get; init; }

    [Description("Its labels.")]
    public required IReadOnlyList<string> Labels { get; init; }

    [Description("True to report its rate.")]
    public bool Report { get; init; } = true;
}
