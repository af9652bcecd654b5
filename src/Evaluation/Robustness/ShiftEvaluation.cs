using System.ComponentModel;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.Robustness;

[Description("A set in distribution and a shifted set with the same classes.")]
public sealed record ShiftOptions
{
    [Description("Name of the shift in reports.")]
    public required string Name { get; init; }

    [Description("The set in distribution.")]
    public required string Reference { get; init; }

    [Description("The shifted set.")]
    public required string Shifted { get; init; }

    /// <summary>Name of the built-in baselines.</summary>
    public const string Pixels = "pixels";

    [Description(
        "Baseline models for fitting the line: a CSV file with columns model, reference and shifted (fractions from 0 to 1), or pixels "
            + "for probes and k-NN on small versions of the images."
    )]
    public string? Baselines { get; init; }

    [Description("Slope of a published line in logit space; use it with intercept instead of baselines.")]
    public double? Slope { get; init; }

    [Description("Intercept of a published line in logit space.")]
    public double? Intercept { get; init; }
}

/// <summary>Correctness of a classifier on a set.</summary>
/// <param name="Task">zero_shot, probe or knn.</param>
/// <param name="Right">One value per image.</param>
public sealed record TaskAnswers(string Task, IReadOnlyList<bool> Right);

/// <summary>A classifier's accuracy in distribution and on the shifted set.</summary>
public sealed record ShiftPoint(
    string Task,
    double Reference,
    Interval ReferenceInterval,
    double Shifted,
    Interval ShiftedInterval,
    double Effective
);

/// <summary>Result of a shift.</summary>
/// <param name="Shift">The shift.</param>
/// <param name="Line">The baseline line; null if there is none.</param>
/// <param name="Points">One point per classifier measured on both sets.</param>
/// <param name="Rows">The figures.</param>
public sealed record ShiftResult(ShiftOptions Shift, BaselineLine? Line, IReadOnlyList<ShiftPoint> Points, IReadOnlyList<ResultRow> Rows);

/// <summary>
/// Effective and relative robustness (Radford et al. 2021, section 3.3). The two sets have different images and are resampled
/// independently.
/// </summary>
public static class ShiftEvaluation
{
    /// <param name="shift">The shift.</param>
    /// <param name="baselines">Built-in baseline models; null to use a file or a published line.</param>
    /// <param name="reference">Answers on the set in distribution.</param>
    /// <param name="shifted">Answers on the shifted set.</param>
    /// <exception cref="CorpusException">No task was measured on both sets, or the baselines cannot be read.</exception>
    public static ShiftResult Run(
        ShiftOptions shift,
        IReadOnlyList<BaselineModel>? baselines,
        IReadOnlyList<TaskAnswers> reference,
        IReadOnlyList<TaskAnswers> shifted
    )
    {
        var line = baselines is null ? Line(shift) : BaselineLine.Fit(baselines, $"Robustness '{shift.Name}'");
        var (points, rows) = (new List<ShiftPoint>(), new List<ResultRow>());
        foreach (var (x, y) in reference.Join(shifted, one => one.Task, one => one.Task, (x, y) => (x, y), StringComparer.Ordinal))
        {
            var (share, shiftedShare) = (Share(x.Right), Share(y.Right));
            var effective = line?.Effective(share, shiftedShare) ?? double.NaN;
            points.Add(
                new ShiftPoint(
                    x.Task,
                    share,
                    Interval.OfProportion(share, x.Right.Count),
                    shiftedShare,
                    Interval.OfProportion(shiftedShare, y.Right.Count),
                    effective
                )
            );
            rows.Add(
                ResultRow.Of(
                    shift.Name,
                    x.Task,
                    "accuracy_lost",
                    share - shiftedShare,
                    Difference(x.Right, y.Right, (a, b) => a - b),
                    y.Right.Count,
                    Bootstrap.Seed
                )
            );
            if (line is not null)
            {
                rows.Add(
                    ResultRow.Of(
                        shift.Name,
                        x.Task,
                        "effective_robustness",
                        effective,
                        Difference(x.Right, y.Right, line.Effective),
                        y.Right.Count,
                        Bootstrap.Seed
                    )
                );
            }
        }

        if (points.Count == 0)
        {
            throw new CorpusException(
                $"Robustness '{shift.Name}': {shift.Reference} and {shift.Shifted} have no task in common that classifies; give both "
                    + "zero_shot, probe or knn."
            );
        }

        return new ShiftResult(shift, line, points, rows);
    }

    /// <summary>Relative robustness: the gain in accuracy on the shifted set over the original model, on the same images.</summary>
    public static ResultRow Relative(string shift, TaskAnswers before, TaskAnswers after)
    {
        var pairs = before.Right.Zip(after.Right).ToList();
        var (lost, gained) = (pairs.Count(pair => pair is (true, false)), pairs.Count(pair => pair is (false, true)));
        return ResultRow.Of(
            shift,
            after.Task,
            "relative_robustness",
            (gained - lost) / (double)pairs.Count,
            Interval.OfDifference(lost, gained, pairs.Count),
            pairs.Count
        );
    }

    private static BaselineLine? Line(ShiftOptions shift) =>
        shift switch
        {
            { Slope: { } slope, Intercept: { } intercept } => new BaselineLine(slope, intercept, []),
            { Baselines: { } file } => BaselineLine.Fit(BaselineLine.Read(file), file),
            _ => null,
        };

    private static double Share(IReadOnlyList<bool> right) => right.Count(isRight => isRight) / (double)right.Count;

    /// <summary>95% bootstrap interval of a function of both accuracies, which are resampled binomially.</summary>
    private static Interval Difference(IReadOnlyList<bool> reference, IReadOnlyList<bool> shifted, Func<double, double, double> function) =>
        Bootstrap.OfTwoShares(
            (reference.Count(isRight => isRight), reference.Count),
            (shifted.Count(isRight => isRight), shifted.Count),
            function
        );
}
