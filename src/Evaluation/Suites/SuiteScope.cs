using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Suites;

/// <summary>What of a suite is done.</summary>
public sealed record SuiteScope
{
    /// <summary>Everything.</summary>
    public static SuiteScope All { get; } =
        new()
        {
            Robustness = true,
            Audit = true,
            Overlap = true,
            Humans = true,
        };

    /// <summary>The tasks of sets; null for all that each has.</summary>
    public IReadOnlyList<SetTask>? Tasks { get; init; }

    /// <summary>Names of the sets; null for all.</summary>
    public IReadOnlySet<string>? Sets { get; init; }

    public bool Robustness { get; init; }

    public bool Audit { get; init; }

    public bool Overlap { get; init; }

    public bool Humans { get; init; }

    public bool Includes(string set) => Sets is null || Sets.Contains(set);

    public bool Includes(SetTask task) => Tasks is null || Tasks.Contains(task);

    /// <summary>A task alone.</summary>
    public static SuiteScope Of(SetTask task) => new() { Tasks = [task] };

    /// <summary>The shifts, with the tasks of their sets that classify.</summary>
    public static SuiteScope RobustnessOf(SuiteOptions suite) =>
        new()
        {
            Robustness = true,
            Tasks = [SetTask.ZeroShot, SetTask.Probe, SetTask.Knn],
            Sets = suite.Robustness.SelectMany(shift => new[] { shift.Reference, shift.Shifted }).ToHashSet(StringComparer.Ordinal),
        };

    /// <summary>The audits alone.</summary>
    public static SuiteScope AuditOf() => new() { Audit = true, Sets = new HashSet<string>(StringComparer.Ordinal) };

    /// <summary>The searches for overlap, with zero-shot on their sets.</summary>
    public static SuiteScope OverlapOf(SuiteOptions suite) =>
        new()
        {
            Overlap = true,
            Tasks = [SetTask.ZeroShot],
            Sets = suite.Overlaps.Select(overlap => overlap.Set).ToHashSet(StringComparer.Ordinal),
        };

    /// <summary>People's accuracies, with zero-shot on their sets.</summary>
    public static SuiteScope HumansOf(SuiteOptions suite) =>
        new()
        {
            Humans = true,
            Tasks = [SetTask.ZeroShot],
            Sets = suite.Humans.Select(humans => humans.Set).ToHashSet(StringComparer.Ordinal),
        };
}
