using System.ComponentModel;
using ClipTrain.Evaluation.Audit;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Humans;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Robustness;

namespace ClipTrain.Evaluation.Suites;

[Description("What a model is evaluated on.")]
public sealed record SuiteOptions
{
    [Description("The suite's name, the report's title.")]
    public string Name { get; init; } = "evaluation";

    [Description("The sets.")]
    public IReadOnlyList<SetOptions> Sets { get; init; } = [];

    [Description("Images embedded at once.")]
    public int Batch { get; init; } = 256;

    [Description("Seed of what is drawn: few-shot's images and the split of a validation set.")]
    public long Seed { get; init; }

    [Description("Folder that keeps features by weights, set and transform; none are kept when empty.")]
    public string? Cache { get; init; } = "features";

    [Description("How linear probes are trained.")]
    public ProbeOptions Probe { get; init; } = new();

    [Description("How few-shot probes are trained.")]
    public FewShotOptions FewShot { get; init; } = new();

    [Description("Accuracy on a shifted set against that in distribution.")]
    public IReadOnlyList<ShiftOptions> Robustness { get; init; } = [];

    [Description("Rates of labels by group.")]
    public IReadOnlyList<AuditOptions> Audits { get; init; } = [];

    [Description("Near-duplicates of test images in a training corpus.")]
    public IReadOnlyList<OverlapOptions> Overlaps { get; init; } = [];

    [Description("Accuracies of people, by class.")]
    public IReadOnlyList<HumanOptions> Humans { get; init; } = [];
}
