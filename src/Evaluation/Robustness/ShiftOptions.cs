using System.ComponentModel;

namespace ClipTrain.Evaluation.Robustness;

[Description("A set in distribution and a shifted one with the same classes.")]
public sealed record ShiftOptions
{
    [Description("Name of the shift in reports.")]
    public required string Name { get; init; }

    [Description("The set in distribution.")]
    public required string Reference { get; init; }

    [Description("The shifted set.")]
    public required string Shifted { get; init; }

    [Description("CSV file of baseline models, with columns model, reference and shifted (shares of 0 to 1), to which the baseline line is fitted.")]
    public string? Baselines { get; init; }

    [Description("Slope of a published line, on logits; with intercept, in place of baselines.")]
    public double? Slope { get; init; }

    [Description("Intercept of a published line, on logits.")]
    public double? Intercept { get; init; }
}
