using System.Globalization;
using System.Xml.Linq;
using ClipTrain.Evaluation.Audit;
using ClipTrain.Evaluation.Humans;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Robustness;
using ClipTrain.Evaluation.Suites;

namespace ClipTrain.Evaluation.Report;

/// <summary>Report sections about several sets, or about groups of one set.</summary>
internal static class AnalysisSections
{
    private const int HardestClasses = 8;

    private static readonly double[] s_percents = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

    public static IEnumerable<XElement> Draw(SuiteResult result) =>
        [
            .. Section("Robustness", result.Shifts.Select(Shift)),
            .. Section("Audit", result.Audits.SelectMany(Audits)),
            .. Section("Overlap with the training corpus", result.Overlaps.Select(Overlapping)),
            .. Section("People", result.Humans.Select(People)),
        ];

    private static IEnumerable<XElement> Section(string title, IEnumerable<XElement> cards)
    {
        var drawn = cards.ToList();
        return drawn.Count == 0
            ? []
            : [HtmlPage.Of("section", "set", new XElement("h2", new XAttribute("class", "set"), title), HtmlPage.Of("div", "grid", drawn))];
    }

    /// <summary>Plots the accuracy on both sets on logit axes, on which the baseline is a straight line.</summary>
    private static XElement Shift(ShiftResult shift)
    {
        static double Logit(double share) => Math.Log(share / (1 - share));
        static double Safe(double share) => Logit(Math.Clamp(share, 0.005, 0.995));
        double[] x =
        [
            .. (shift.Line?.Models ?? [])
                .Select(model => model.Reference)
                .Concat(shift.Points.Select(point => point.Reference))
                .Select(Safe),
        ];
        double[] y =
        [
            .. (shift.Line?.Models ?? []).Select(model => model.Shifted).Concat(shift.Points.Select(point => point.Shifted)).Select(Safe),
        ];
        Axis AxisOf(string title, double[] values) =>
            new(
                title,
                values.Min() - 0.4,
                values.Max() + 0.4,
                [
                    .. s_percents
                        .Where(share => Logit(share) > values.Min() - 0.4 && Logit(share) < values.Max() + 0.4)
                        .Select(share => new Tick(Logit(share), Words.Number(share * 100) + "%")),
                ]
            );
        var (horizontal, vertical) = (AxisOf($"accuracy on {shift.Shift.Reference}", x), AxisOf($"accuracy on {shift.Shift.Shifted}", y));
        var series = new List<Series>();
        if (shift.Line is { } line)
        {
            double At(double logit) => (line.Slope * logit) + line.Intercept;
            // Clip the line to the plot, since points outside are drawn on its edge.
            var ends = Enumerable
                .Range(0, 101)
                .Select(i => horizontal.From + ((horizontal.To - horizontal.From) * i / 100))
                .Where(logit => At(logit) >= vertical.From && At(logit) <= vertical.To)
                .ToList();
            series.Add(
                new Series(
                    "baseline line",
                    [.. ends.Select(logit => (logit, At(logit), (double?)null, (double?)null))],
                    "soft",
                    IsLine: true
                )
            );
            series.Add(
                new Series(
                    "baselines",
                    [.. line.Models.Select(model => (Safe(model.Reference), Safe(model.Shifted), (double?)null, (double?)null))],
                    "soft",
                    IsLine: false
                )
            );
        }

        series.Add(
            new Series(
                "this model",
                [
                    .. shift.Points.Select(point =>
                        (
                            Safe(point.Reference),
                            Safe(point.Shifted),
                            (double?)Safe(point.ShiftedInterval.Low),
                            (double?)Safe(point.ShiftedInterval.High)
                        )
                    ),
                ],
                "warn",
                IsLine: false
            )
        );
        var source = shift.Line is { Models.Count: > 0 } fitted ? $"from {fitted.Models.Count} models" : "as published";
        var note = shift.Line is null
            ? "No baselines are given, so there is no line to compare with."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Line in logit space: slope {shift.Line.Slope:0.000}, intercept {shift.Line.Intercept:0.000}, {source}."
            );
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", shift.Shift.Name),
            HtmlPage.Soft(note),
            Plot.Draw("robustness", horizontal, vertical, series),
            Plot.Key(series),
            ReportPage.Table(shift.Rows, withSet: false)
        );
    }

    /// <summary>One table per attribute and category, with a row per group and a column per label set.</summary>
    private static IEnumerable<XElement> Audits(AuditResult audit) =>
        audit
            .Rates.GroupBy(rate => (rate.Attribute, rate.Category, rate.Threshold))
            .Select(table =>
            {
                var designs = table.Select(rate => rate.Design).Distinct(StringComparer.Ordinal).ToList();
                var threshold = table.Key.Threshold is { } at ? $" with a probability above {Words.Percent(at)}" : "";
                return HtmlPage.Of(
                    "div",
                    "card wide",
                    new XElement("h2", $"{audit.Audit.Set}: {table.Key.Category} by {table.Key.Attribute}"),
                    HtmlPage.Soft($"Share of images that get a label of this category{threshold}, with exact 95% intervals."),
                    new XElement(
                        "table",
                        new XElement(
                            "tr",
                            new XElement("th", table.Key.Attribute),
                            designs.Select(design => HtmlPage.Of("th", "number", design)),
                            HtmlPage.Of("th", "number", "images")
                        ),
                        table
                            .GroupBy(rate => rate.Group, StringComparer.Ordinal)
                            .Select(group => new XElement(
                                "tr",
                                new XElement("td", group.Key),
                                designs.Select(design =>
                                    group.FirstOrDefault(rate => rate.Design == design) is { } rate
                                        ? HtmlPage.Of(
                                            "td",
                                            "number",
                                            $"{Words.Percent(rate.Rate)} ({Words.Percent(rate.Interval.Low)} – "
                                                + $"{Words.Percent(rate.Interval.High)})"
                                        )
                                        : new XElement("td")
                                ),
                                HtmlPage.Of("td", "number", Words.Count(group.First().Images))
                            ))
                    )
                );
            });

    private static XElement Overlapping(OverlapResult overlap)
    {
        var (options, found) = (overlap.Options, overlap.Nearest.Count(overlap.IsOverlap));
        var (measure, key) = options.Model is null
            ? ($"perceptual hashes that differ in {options.Words(options.MaxDistance())} of {OverlapMeasure.Bits} or fewer", "threshold")
            : ($"embeddings of {options.Model} with {options.Words(options.MaxDistance())} or more", "similarity");
        return HtmlPage.Of(
            "div",
            "card wide",
            new XElement("h2", options.Name is null ? options.Set : $"{options.Set}: {options.Name}"),
            HtmlPage.Soft(
                $"{Words.Count(found)} of {Words.Count(overlap.Nearest.Count)} test images have a near-duplicate in the corpus: "
                    + $"{measure}. The sheet shows pairs on both sides of that threshold; move it (overlaps.{key}) until what is above "
                    + "the line is the same picture and what is below is not."
            ),
            ReportPage.Table(overlap.Rows.Where(row => row.Metric != "p_value"), withSet: false),
            overlap.P is { } p
                ? HtmlPage.Soft(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"p = {p:0.####} that the overlap is so accurate if it were no easier than the clean images; "
                            + $"{overlap.BonferroniP:0.####} with Bonferroni's correction for all sets. 99.5% interval of its "
                            + $"accuracy: {Words.Percent(overlap.PaperInterval.Low)} – {Words.Percent(overlap.PaperInterval.High)}."
                    )
                )
                : null,
            Sheet("Counted as overlap", overlap.Options, overlap.Sheet.Where(pair => overlap.IsOverlap(pair.Pair))),
            Sheet("Not counted", overlap.Options, overlap.Sheet.Where(pair => !overlap.IsOverlap(pair.Pair)))
        );
    }

    private static XElement? Sheet(
        string title,
        OverlapOptions options,
        IEnumerable<(NearestImage Pair, byte[]? Test, byte[]? Corpus)> pairs
    )
    {
        var shown = pairs.Where(pair => pair.Test is not null && pair.Corpus is not null).ToList();
        return shown.Count == 0
            ? null
            : new XElement(
                "div",
                new XElement("h2", title),
                HtmlPage.Of(
                    "div",
                    "thumbs",
                    shown.Select(pair =>
                        HtmlPage.Of(
                            "figure",
                            "pair",
                            HtmlPage.Image(pair.Test!, "test image"),
                            HtmlPage.Image(pair.Corpus!, "nearest corpus image"),
                            new XElement("figcaption", new XAttribute("class", "soft"), options.Words(pair.Pair.Distance))
                        )
                    )
                )
            );
    }

    private static XElement People(HumanResult humans)
    {
        Series[] series =
        [
            new("", [(0, 0, null, null), (1, 1, null, null)], "soft", IsLine: true),
            new(
                "a class",
                [.. humans.Classes.Select(own => (own.Humans, own.Model, (double?)null, (double?)null))],
                "accent",
                IsLine: false
            ),
        ];
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", humans.Set),
            HtmlPage.Soft("Accuracy by class. Hardest for both:"),
            new XElement(
                "table",
                humans
                    .Classes.Take(HardestClasses)
                    .Select(own => new XElement(
                        "tr",
                        new XElement("td", own.Name),
                        HtmlPage.Of("td", "number", $"people {Words.Percent(own.Humans)}"),
                        HtmlPage.Of("td", "number", $"model {Words.Percent(own.Model)}")
                    ))
            ),
            Plot.Draw("people and model", Axis.OfShares("people"), Axis.OfShares("model"), series),
            ReportPage.Table(humans.Rows, withSet: false)
        );
    }
}
