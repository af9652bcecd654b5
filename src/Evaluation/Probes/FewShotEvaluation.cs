using System.ComponentModel;
using ClipTrain.Evaluation.Statistics;
using MathNet.Numerics.Distributions;

namespace ClipTrain.Evaluation.Probes;

[Description("Training of few-shot probes.")]
public sealed record FewShotOptions
{
    [Description("Numbers of images per class.")]
    public IReadOnlyList<int> Shots { get; init; } = [1, 2, 4, 8, 16];

    [Description("Number of draws of the images; figures are means over the draws.")]
    public int Seeds { get; init; } = 3;
}

/// <summary>Mean accuracy over several draws of a number of images per class.</summary>
/// <param name="Shots">Images per class.</param>
/// <param name="Accuracy">Mean over the draws.</param>
/// <param name="Interval">Interval of the mean, over draws and test images.</param>
public sealed record FewShotPoint(int Shots, double Accuracy, Interval Interval);

/// <summary>Result of few-shot probes.</summary>
/// <param name="Rows">The figures.</param>
/// <param name="Points">Accuracy of logistic regression, by shots.</param>
/// <param name="ZeroShot">Zero-shot accuracy on the same images; null if not measured.</param>
/// <param name="LabelsToMatch">Labels per class at which the probe matches zero-shot; null if it never does or zero-shot was not
/// measured.</param>
public sealed record FewShotResult(
    IReadOnlyList<ResultRow> Rows,
    IReadOnlyList<FewShotPoint> Points,
    double? ZeroShot,
    double? LabelsToMatch
);

/// <summary>
/// Linear probes on a few images per class, over several draws. The penalty is chosen with the paper's search on min(shots, 4) further
/// images per class (CoOp's protocol, Zhou et al. 2022, arXiv 2109.01134). Also reports the closed form of <see cref="RidgeProbe"/>.
/// </summary>
public static class FewShotEvaluation
{
    private const int MostValidationShots = 4;

    public static FewShotResult Run(string set, FewShotOptions options, ProbeData data, double? zeroShot)
    {
        var all = data.Train.With(data.Validation);
        var byClass = all
            .Labels.Index()
            .GroupBy(entry => entry.Item, entry => entry.Index)
            .OrderBy(group => group.Key)
            .Select(group => group.ToArray())
            .ToList();
        var smallest = byClass.Min(rows => rows.Length);
        var (rows, points) = (new List<ResultRow>(), new List<FewShotPoint>());
        foreach (var shots in options.Shots.Order().Where(shots => shots + Math.Min(shots, MostValidationShots) <= smallest))
        {
            var (logistic, ridge) = (new double[options.Seeds], new double[options.Seeds]);
            for (var draw = 0; draw < options.Seeds; draw++)
            {
                var (train, validation) = Draw(all, byClass, shots, unchecked((int)data.Seed + draw));
                (logistic[draw], ridge[draw]) = (Logistic(train, validation, data), RidgeProbe.Accuracy(train, data.Test, data.Classes));
            }

            var point = new FewShotPoint(shots, logistic.Average(), Over(logistic, data.Test.Labels.Length));
            points.Add(point);
            rows.Add(
                ResultRow.Of(set, "few_shot", $"top1_{shots}_shot", point.Accuracy, point.Interval, data.Test.Labels.Length, data.Seed)
            );
            rows.Add(
                ResultRow.Of(
                    set,
                    "few_shot ridge",
                    $"top1_{shots}_shot",
                    ridge.Average(),
                    Over(ridge, data.Test.Labels.Length),
                    data.Test.Labels.Length,
                    data.Seed
                )
            );
        }

        var labels = zeroShot is { } target ? LabelsToMatch(points, target) : null;
        if (labels is { } matched)
        {
            rows.Add(
                new ResultRow(
                    set,
                    "few_shot",
                    "labels_to_match_zero_shot",
                    matched,
                    Low: null,
                    High: null,
                    data.Test.Labels.Length,
                    data.Seed
                )
            );
        }

        return new FewShotResult(rows, points, zeroShot, labels);
    }

    /// <summary>
    /// Labels per class at which the curve reaches an accuracy, interpolated linearly in the logarithm of the labels (Radford et al.
    /// 2021, section 3.1.5). Null if no two neighbouring points enclose it.
    /// </summary>
    public static double? LabelsToMatch(IReadOnlyList<FewShotPoint> points, double accuracy)
    {
        foreach (var (below, above) in points.Zip(points.Skip(1)))
        {
            if (below.Accuracy <= accuracy && accuracy <= above.Accuracy && below.Accuracy < above.Accuracy)
            {
                return below.Shots
                    * Math.Pow((double)above.Shots / below.Shots, (accuracy - below.Accuracy) / (above.Accuracy - below.Accuracy));
            }
        }

        return null;
    }

    /// <summary>
    /// 95% interval of the mean over draws, from Student's t for the draws and the variance of the test images, which all draws share.
    /// </summary>
    internal static Interval Over(double[] accuracies, int images)
    {
        var mean = accuracies.Average();
        var variance = accuracies.Sum(value => (value - mean) * (value - mean)) / (accuracies.Length - 1);
        var t = StudentT.InvCDF(0, 1, accuracies.Length - 1, 0.975);
        var z = Normal.InvCDF(0, 1, 0.975);
        var half = Math.Sqrt((t * t * variance / accuracies.Length) + (z * z * mean * (1 - mean) / images));
        return new Interval(Math.Max(0, mean - half), Math.Min(1, mean + half));
    }

    private static (ProbeImages Train, ProbeImages Validation) Draw(ProbeImages all, IEnumerable<int[]> byClass, int shots, int seed)
    {
        var random = new Random(seed);
        var (train, validation) = (new List<int>(), new List<int>());
        foreach (var own in byClass)
        {
            int[] rows = [.. own];
            random.Shuffle(rows);
            train.AddRange(rows[..shots]);
            validation.AddRange(rows[shots..(shots + Math.Min(shots, MostValidationShots))]);
        }

        return (all.Select(train), all.Select(validation));
    }

    private static double Logistic(ProbeImages train, ProbeImages validation, ProbeData data)
    {
        var (best, _) = LinearProbe.Search(train.Features, train.Labels, validation.Features, validation.Labels, data.Classes);
        using var regression = new LogisticRegression(train.Features, train.Labels, data.Classes);
        var classifier = regression.Fit(best, LinearProbe.MaxIterations, 1e-4);
        return LinearProbe.Share(LinearProbe.Predict(classifier, data.Test.Features, data.Test.Labels, data.Classes));
    }
}
