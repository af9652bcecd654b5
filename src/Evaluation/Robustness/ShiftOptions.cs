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

    /// <summary>Names our own baselines.</summary>
    public const string Pixels = "pixels";

    [Description(
        "Baseline models to which the line is fitted: a CSV file with columns model, reference and shifted (shares of 0 to 1), or pixels "
            + "for probes and k-NN on small versions of the images."
    )]
    public string? Baselines { get; init; }

    [Description("Slope of a published line, on logits; with intercept, in place of baselines.")]
    public double? Slope { get; init; }

    [Description("Intercept of a published line, on logits.")]
    public double? Intercept { get; init; }
}
