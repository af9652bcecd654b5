using System.ComponentModel;

namespace ClipTrain.Evaluation.Humans;

[Description("Accuracies of people on a set.")]
public sealed record HumanOptions
{
    [Description("The set.")]
    public required string Set { get; init; }

    [Description("CSV file with columns class and accuracy (a share of 0 to 1), and n where it is known.")]
    public required string File { get; init; }
}
