using System.ComponentModel;
using ClipTrain.Evaluation.Audit;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Humans;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Robustness;

namespace ClipTrain.Evaluation.Suites;

[Description("An evaluation suite.")]
public sealed record SuiteOptions
{
    [Description("Name of the suite and title of the report.")]
    public string Name { get; init; } = "evaluation";

    [Description("The sets.")]
    public IReadOnlyList<SetOptions> Sets { get; init; } = [];

    [Description("Number of images to embed at once.")]
    public int Batch { get; init; } = 256;

    [Description("Seed of random draws: few-shot images and validation splits.")]
    public long Seed { get; init; }

    [Description("Folder that caches features by weights, set and transform; null to disable the cache.")]
    public string? Cache { get; init; } = "features";

    [Description("Training of linear probes.")]
    public ProbeOptions Probe { get; init; } = new();

    [Description("Training of few-shot probes.")]
    public FewShotOptions FewShot { get; init; } = new();

    [Description("Comparisons of accuracy on shifted sets and in distribution.")]
    public IReadOnlyList<ShiftOptions> Robustness { get; init; } = [];

    [Description("Rates of labels by group.")]
    public IReadOnlyList<AuditOptions> Audits { get; init; } = [];

    [Description("Near-duplicates of test images in a training corpus.")]
    public IReadOnlyList<OverlapOptions> Overlaps { get; init; } = [];

    [Description("Accuracies of people, by class.")]
    public IReadOnlyList<HumanOptions> Humans { get; init; } = [];
}
