using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Selects the parts of a suite to run.</summary>
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

    /// <summary>The tasks whose predictions can be compared between models and under distribution shift.</summary>
    public static IReadOnlyList<SetTask> Classifying { get; } = [SetTask.ZeroShot, SetTask.Probe, SetTask.Knn];

    /// <summary>The tasks to run; null for all.</summary>
    public IReadOnlyList<SetTask>? Tasks { get; init; }

    /// <summary>Names of the sets; null for all.</summary>
    public IReadOnlySet<string>? Sets { get; init; }

    public bool Robustness { get; init; }

    public bool Audit { get; init; }

    public bool Overlap { get; init; }

    /// <summary>True to leave zero-shot out, rather than fail, if the model embeds no texts.</summary>
    public bool ZeroShotIsOptional { get; init; }

    public bool Humans { get; init; }

    public bool Includes(string set) => Sets is null || Sets.Contains(set);

    /// <summary>Those of a set's tasks to run.</summary>
    /// <param name="tasks">The set's tasks.</param>
    /// <param name="hasTexts">True if the model embeds texts.</param>
    public IReadOnlyList<SetTask> Select(IReadOnlyList<SetTask> tasks, bool hasTexts) =>
        [.. tasks.Where(task => (Tasks is null || Tasks.Contains(task)) && (hasTexts || !ZeroShotIsOptional || task != SetTask.ZeroShot))];

    /// <summary>Only one task.</summary>
    public static SuiteScope Of(SetTask task) => new() { Tasks = [task] };

    /// <summary>Only the shifts, with the classification tasks of their sets.</summary>
    public static SuiteScope RobustnessOf(SuiteOptions suite) =>
        new()
        {
            Robustness = true,
            Tasks = [.. Classifying],
            Sets = suite.Robustness.SelectMany(shift => new[] { shift.Reference, shift.Shifted }).ToHashSet(StringComparer.Ordinal),
        };

    /// <summary>Only the audits.</summary>
    public static SuiteScope AuditOf() => new() { Audit = true, Sets = new HashSet<string>(StringComparer.Ordinal) };

    /// <summary>Only the searches for overlap, with zero-shot on their sets if the model embeds texts.</summary>
    public static SuiteScope OverlapOf(SuiteOptions suite) =>
        new()
        {
            Overlap = true,
            ZeroShotIsOptional = true,
            Tasks = [SetTask.ZeroShot],
            Sets = suite.Overlaps.Select(overlap => overlap.Set).ToHashSet(StringComparer.Ordinal),
        };

    /// <summary>Only the comparisons with humans, with zero-shot on their sets.</summary>
    public static SuiteScope HumansOf(SuiteOptions suite) =>
        new()
        {
            Humans = true,
            Tasks = [SetTask.ZeroShot],
            Sets = suite.Humans.Select(humans => humans.Set).ToHashSet(StringComparer.Ordinal),
        };
}
