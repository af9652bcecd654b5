using System.Xml.Linq;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;

namespace ClipTrain.Evaluation.Report;

/// <summary>Writes a suite's results as a self-contained page.</summary>
public static class ReportPage
{
    private static readonly string[] s_main = ["top1", "map_11", "roc_auc", "mean_recall_at_1", "r1"];

    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, SuiteResult result)
    {
        var images = result.Sets.Sum(set => (long)set.Images.Count);
        HtmlPage.Write(
            path,
            $"Evaluation of {result.Model}",
            $"{result.Suite.Name} · {(result.Sets.Count == 0 ? "" : $"{Count(result.Sets.Count, "set")}, {Words.Count(images)} images · ")}"
                + "figures with 95% intervals",
            [
                .. result.Sets.Count == 0 ? Array.Empty<XElement>() : [Overview(result)],
                .. result.Sets.Select(SetSection.Draw),
                .. AnalysisSections.Draw(result),
                All(result.Rows),
            ]
        );
    }

    private static string Count(int n, string thing) => $"{n} {thing}{(n == 1 ? "" : "s")}";

    /// <summary>A table with one row per set and task: its main figure with a bar and an interval.</summary>
    private static XElement Overview(SuiteResult result)
    {
        var rows = result.Sets.SelectMany(set =>
            set.Rows.GroupBy(row => row.Task, StringComparer.Ordinal)
                .Select(task =>
                    s_main
                        .Prepend(Main(set.Set.Metric))
                        .Select(metric => task.FirstOrDefault(row => row.Metric == metric))
                        .FirstOrDefault(row => row is not null)
                    ?? task.Last(row => row.Low is not null)
                )
        );
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", "Sets"),
            HtmlPage.Soft("The line marks the 95% confidence interval."),
            new XElement(
                "table",
                new XElement(
                    "tr",
                    new[] { "set", "task", "figure" }.Select(name => new XElement("th", name)),
                    new XElement("th", new XAttribute("class", "wide"), ""),
                    HtmlPage.Of("th", "number", "value"),
                    HtmlPage.Of("th", "number", "95% interval"),
                    HtmlPage.Of("th", "number", "n")
                ),
                rows.Select(row => new XElement(
                    "tr",
                    new XElement("td", row.Set),
                    new XElement("td", Words.Task(row.Task)),
                    new XElement("td", Words.Metric(row.Metric)),
                    new XElement("td", Bar(row)),
                    HtmlPage.Of("td", "number", Words.Value(row)),
                    HtmlPage.Of("td", "number", Words.Interval(row)),
                    HtmlPage.Of("td", "number", Words.Count(row.N))
                ))
            )
        );
    }

    /// <summary>The metric name of a set's main figure.</summary>
    private static string Main(MainMetric metric) =>
        metric switch
        {
            MainMetric.Top5 => "top5",
            MainMetric.MeanPerClass => "mean_per_class",
            MainMetric.WorstGroup => "worst_group",
            MainMetric.MacroF1 => "macro_f1",
            MainMetric.Map11 => "map_11",
            MainMetric.RocAuc => "roc_auc",
            MainMetric.MeanRecallAt1 => "mean_recall_at_1",
            _ => "top1",
        };

    private static XElement? Bar(ResultRow row)
    {
        if (!Words.IsShare(row.Metric) || double.IsNaN(row.Value))
        {
            return null;
        }

        XElement Rect(string style, double from, double to, double y, double height) =>
            new(
                "rect",
                new XAttribute("class", style),
                new XAttribute("x", (from * 200).ToString("0.#", System.Globalization.CultureInfo.InvariantCulture)),
                new XAttribute("y", y),
                new XAttribute(
                    "width",
                    (Math.Max(0.005, to - from) * 200).ToString("0.#", System.Globalization.CultureInfo.InvariantCulture)
                ),
                new XAttribute("height", height),
                new XAttribute("rx", "2")
            );
        return new XElement(
            "svg",
            new XAttribute("class", "bar"),
            new XAttribute("viewBox", "0 0 200 12"),
            new XAttribute("preserveAspectRatio", "none"),
            Rect("track", 0, 1, 0, 12),
            Rect("", 0, Math.Clamp(row.Value, 0, 1), 0, 12),
            row is { Low: { } low, High: { } high } ? Rect("whisker", Math.Clamp(low, 0, 1), Math.Clamp(high, 0, 1), 5, 2) : null
        );
    }

    /// <summary>A collapsed table of all figures.</summary>
    private static XElement All(IReadOnlyList<ResultRow> rows) =>
        HtmlPage.Of("div", "card", new XElement("details", new XElement("summary", $"All {rows.Count} figures"), Table(rows)));

    internal static XElement Table(IEnumerable<ResultRow> rows, bool withSet = true) =>
        new(
            "table",
            new XElement(
                "tr",
                new[] { "set", "task", "figure" }.Skip(withSet ? 0 : 1).Select(name => new XElement("th", name)),
                HtmlPage.Of("th", "number", "value"),
                HtmlPage.Of("th", "number", "95% interval"),
                HtmlPage.Of("th", "number", "n")
            ),
            rows.Select(row => new XElement(
                "tr",
                withSet ? new XElement("td", row.Set) : null,
                new XElement("td", Words.Task(row.Task)),
                new XElement("td", Words.Metric(row.Metric)),
                HtmlPage.Of("td", "number", Words.Value(row)),
                HtmlPage.Of("td", "number", Words.Interval(row)),
                HtmlPage.Of("td", "number", Words.Count(row.N))
            ))
        );
}
