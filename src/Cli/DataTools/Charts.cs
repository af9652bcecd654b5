using System.Globalization;
using System.Xml.Linq;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Evaluation.Report;

namespace ClipTrain.Cli.DataTools;

/// <summary>SVG charts inside cards.</summary>
internal static class Charts
{
    private const double Width = 420,
        Height = 130,
        Floor = 108,
        RowHeight = 24,
        LabelWidth = 110,
        ValueWidth = 60;

    /// <summary>Draws a histogram with a line of quantiles.</summary>
    /// <param name="mark">Position and label of a marker line.</param>
    public static XElement Histogram(
        string title,
        string unit,
        Distribution values,
        bool whole = true,
        (double At, string Name)? mark = null
    )
    {
        if (values.Quantile(0) == values.Quantile(1))
        {
            return HtmlPage.Of(
                "div",
                "card",
                new XElement("h2", title),
                HtmlPage.Soft(values.Count == 0 ? "none" : $"all {Readable.Number(values.Quantile(0))} {unit}".TrimEnd())
            );
        }

        var histogram = DataTools.Histogram.Of(values, whole);
        var most = histogram.Bins.Max(bin => bin.Count);
        var svg = Svg(Width, Height, title);
        foreach (var bin in histogram.Bins.Where(bin => bin.Count > 0))
        {
            double left = Width * histogram.Position(bin.Low),
                right = Width * histogram.Position(bin.High),
                height = Math.Max(1.5, Floor * 0.94 * bin.Count / most);
            svg.Add(
                Rectangle(
                    left + 0.75,
                    Floor - height,
                    right - left - 1.5,
                    height,
                    style: null,
                    $"{Readable.Number(bin.Low)} to {Readable.Number(bin.High)}: {Readable.Count(bin.Count)}"
                )
            );
        }

        svg.Add(Line(0, Floor, Width, Floor, "axis"));
        foreach (var tick in histogram.Ticks())
        {
            var x = Width * histogram.Position(tick);
            svg.Add(Line(x, Floor, x, Floor + 4, "axis"), Text(Math.Clamp(x, 12, Width - 14), Height - 5, "middle", "", Short(tick)));
        }

        if (mark is { } line && line.At > histogram.Low && line.At < histogram.High)
        {
            var x = Width * histogram.Position(line.At);
            svg.Add(
                Line(x, 12, x, Floor, "mark"),
                Text(
                    x,
                    9,
                    x > Width * 0.8 ? "end"
                        : x < Width * 0.2 ? "start"
                        : "middle",
                    "",
                    line.Name
                )
            );
        }

        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", title),
            HtmlPage.Soft($"median {Of(0.5)} {unit} · 90% within {Of(0.05)} to {Of(0.95)} · least {Of(0)}, most {Of(1)}"),
            svg
        );

        string Of(double share) => Readable.Number(values.Quantile(share));
    }

    /// <summary>Draws shares of a whole as bars, largest first.</summary>
    public static XElement Shares(string title, string note, IEnumerable<KeyValuePair<string, long>> counts)
    {
        var rows = counts.OrderByDescending(count => count.Value).ThenBy(count => count.Key, StringComparer.Ordinal).ToList();
        var total = Math.Max(1, rows.Sum(row => row.Value));
        var svg = Svg(Width, Math.Max(1, rows.Count) * RowHeight, title);
        foreach (var (i, (name, count)) in rows.Index())
        {
            double y = i * RowHeight,
                room = Width - LabelWidth - ValueWidth;
            svg.Add(
                Text(0, y + 15, "start", "ink", name),
                Rectangle(LabelWidth, y + 5, room, 13, "track", $"{name}: {Readable.Count(count)}"),
                Rectangle(LabelWidth, y + 5, Math.Max(1.5, room * count / total), 13, style: null, $"{name}: {Readable.Count(count)}"),
                Text(Width, y + 15, "end", "", Readable.Percent((double)count / total))
            );
        }

        return HtmlPage.Of("div", "card", new XElement("h2", title), HtmlPage.Soft(note), svg);
    }

    private static XElement Svg(double width, double height, string label) =>
        new(
            "svg",
            new XAttribute("viewBox", $"0 0 {Number(width)} {Number(height)}"),
            new XAttribute("role", "img"),
            new XAttribute("aria-label", label)
        );

    private static XElement Rectangle(double x, double y, double width, double height, string? style, string tip) =>
        new(
            "rect",
            style is null ? null : new XAttribute("class", style),
            new XAttribute("x", Number(x)),
            new XAttribute("y", Number(y)),
            new XAttribute("width", Number(width)),
            new XAttribute("height", Number(height)),
            new XAttribute("rx", "1.5"),
            new XElement("title", tip)
        );

    private static XElement Line(double x1, double y1, double x2, double y2, string style) =>
        new(
            "line",
            new XAttribute("class", style),
            new XAttribute("x1", Number(x1)),
            new XAttribute("y1", Number(y1)),
            new XAttribute("x2", Number(x2)),
            new XAttribute("y2", Number(y2))
        );

    private static XElement Text(double x, double y, string anchor, string style, string text) =>
        new(
            "text",
            style.Length == 0 ? null : new XAttribute("class", style),
            new XAttribute("x", Number(x)),
            new XAttribute("y", Number(y)),
            new XAttribute("text-anchor", anchor),
            text
        );

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>Formats an axis label: 20,000 becomes 20k.</summary>
    private static string Short(double value) =>
        value switch
        {
            >= 1e9 => $"{Readable.Number(value / 1e9)}G",
            >= 1e6 => $"{Readable.Number(value / 1e6)}M",
            >= 1e4 => $"{Readable.Number(value / 1e3)}k",
            _ => Readable.Number(value),
        };
}
