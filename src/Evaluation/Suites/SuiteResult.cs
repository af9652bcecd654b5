using ClipTrain.Evaluation.Audit;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Humans;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.Robustness;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Measurements on one set.</summary>
/// <param name="Set">Options of the set.</param>
/// <param name="Images">Its images.</param>
/// <param name="LeftOut">Number of images that could not be decoded.</param>
public sealed record SetResult(SetOptions Set, IReadOnlyList<SetImage> Images, int LeftOut)
{
    public ZeroShotResult? ZeroShot { get; init; }

    public RetrievalOutcome? Retrieval { get; init; }

    public ProbeResult? Probe { get; init; }

    public FewShotResult? FewShot { get; init; }

    public KnnResult? Knn { get; init; }

    /// <summary>JPEGs of the images in the report, by index.</summary>
    public IReadOnlyDictionary<int, byte[]> Pictures { get; init; } = new Dictionary<int, byte[]>();

    /// <summary>Predictions of the tasks that classified images, by task. Comparisons and robustness use them.</summary>
    public IEnumerable<(string Task, IReadOnlyList<Prediction> Predictions)> Predictions =>
        new[] { ("zero_shot", ZeroShot?.Predictions), ("probe", Probe?.Predictions), ("knn", Knn?.Predictions) }
            .Where(task => task.Item2 is { Count: > 0 })
            .Select(task => (task.Item1, task.Item2!));

    public IEnumerable<ResultRow> Rows =>
        [.. ZeroShot?.Rows ?? [], .. Retrieval?.Rows ?? [], .. Probe?.Rows ?? [], .. FewShot?.Rows ?? [], .. Knn?.Rows ?? []];
}

/// <summary>Result of a suite.</summary>
/// <param name="Suite">The suite.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Sets">Its sets, in order.</param>
public sealed record SuiteResult(SuiteOptions Suite, string Model, IReadOnlyList<SetResult> Sets)
{
    public IReadOnlyList<ShiftResult> Shifts { get; init; } = [];

    public IReadOnlyList<AuditResult> Audits { get; init; } = [];

    public IReadOnlyList<OverlapResult> Overlaps { get; init; } = [];

    public IReadOnlyList<HumanResult> Humans { get; init; } = [];

    /// <summary>All figures.</summary>
    public IReadOnlyList<ResultRow> Rows =>
        [
            .. Sets.SelectMany(set => set.Rows),
            .. Shifts.SelectMany(shift => shift.Rows),
            .. Audits.SelectMany(audit => audit.Rows),
            .. Overlaps.SelectMany(overlap => overlap.Rows),
            .. Humans.SelectMany(humans => humans.Rows),
        ];
}
