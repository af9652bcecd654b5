using System.Globalization;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.Report;

/// <summary>Formats figures for the report.</summary>
internal static class Words
{
    private static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["top1"] = "accuracy",
        ["top5"] = "top-5 accuracy",
        ["mean_per_class"] = "mean per class",
        ["macro_f1"] = "macro-F1",
        ["worst_class"] = "worst class",
        ["worst_group"] = "worst group",
        ["calibration_error"] = "calibration error",
        ["ensemble_gain"] = "prompt ensemble gain",
        ["map_11"] = "11-point mAP",
        ["roc_auc"] = "ROC AUC",
        ["r1"] = "R@1",
        ["r5"] = "R@5",
        ["r10"] = "R@10",
        ["median_rank"] = "median rank",
        ["mean_recall_at_1"] = "mean R@1",
        ["labels_to_match_zero_shot"] = "labels per class to match zero-shot",
        ["effective_robustness"] = "effective robustness",
        ["relative_robustness"] = "relative robustness",
    };

    public static string Metric(string metric) => s_names.TryGetValue(metric, out var name) ? name : metric.Replace('_', ' ');

    public static string Task(string task) =>
        task.Replace('_', ' ')
            .Replace("few shot", "few-shot", StringComparison.Ordinal)
            .Replace("zero shot", "zero-shot", StringComparison.Ordinal)
            .Replace("knn", "k-NN", StringComparison.Ordinal);

    /// <summary>True if the figure is a fraction, or a difference of fractions.</summary>
    public static bool IsShare(string metric) => metric is not ("median_rank" or "labels_to_match_zero_shot" or "loss");

    public static string Value(ResultRow row) => IsShare(row.Metric) ? Percent(row.Value) : Number(row.Value);

    public static string Interval(ResultRow row) =>
        row is { Low: { } low, High: { } high }
            ? IsShare(row.Metric)
                ? $"{Percent(low)} – {Percent(high)}"
                : $"{Number(low)} – {Number(high)}"
            : "";

    public static string Percent(double share) =>
        double.IsNaN(share) ? "–" : string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.0}%");

    public static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "∞" : value.ToString("0.##", CultureInfo.InvariantCulture);

    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
