using System.Globalization;
using System.Xml.Linq;

namespace ClipTrain.Evaluation.Report;

/// <summary>A series of a plot.</summary>
/// <param name="Name">Name in the legend; empty to omit it.</param>
/// <param name="Points">Points, with an optional interval of y.</param>
/// <param name="Style">CSS class: accent, warn or soft.</param>
/// <param name="IsLine">True to connect the points with a line; false to mark them.</param>
internal sealed record Series(
    string Name,
    IReadOnlyList<(double X, double Y, double? Low, double? High)> Points,
    string Style,
    bool IsLine
);

/// <summary>A tick of an axis.</summary>
internal readonly record struct Tick(double At, string Text);

/// <summary>An axis with its title, range and ticks.</summary>
internal sealed record Axis(string Title, double From, double To, IReadOnlyList<Tick> Ticks)
{
    /// <summary>An axis of fractions, labelled in percent.</summary>
    public static Axis OfShares(string title, double from = 0, double to = 1)
    {
        var step = (to - from) switch
        {
            > 0.55 => 0.2,
            > 0.25 => 0.1,
            > 0.1 => 0.05,
            _ => 0.02,
        };
        var first = Math.Ceiling(from / step - 1e-9);
        return new Axis(
            title,
            from,
            to,
            [
                .. Enumerable
                    .Range(0, (int)(Math.Floor((to / step) + 1e-9) - first) + 1)
                    .Select(i => (first + i) * step)
                    .Select(at => new Tick(at, string.Create(CultureInfo.InvariantCulture, $"{at * 100:0}%"))),
            ]
        );
    }
}

/// <summary>Draws plots as SVG in the page's colours.</summary>
internal static class Plot
{
    private const double Width = 420,
        Height = 280,
        Left = 52,
        Right = 12,
        Top = 12,
        Bottom = 44;

    public static XElement Draw(string label, Axis x, Axis y, IReadOnlyList<Series> series)
    {
        var svg = new XElement(
            "svg",
            new XAttribute("viewBox", $"0 0 {N(Width)} {N(Height)}"),
            new XAttribute("role", "img"),
            new XAttribute("aria-label", label)
        );
        double X(double value) => Left + ((Width - Left - Right) * Math.Clamp((value - x.From) / (x.To - x.From), 0, 1));
        double Y(double value) => Height - Bottom - ((Height - Top - Bottom) * Math.Clamp((value - y.From) / (y.To - y.From), 0, 1));
        foreach (var tick in x.Ticks)
        {
            svg.Add(
                Line("axis", X(tick.At), Top, X(tick.At), Height - Bottom),
                Text(X(tick.At), Height - Bottom + 15, "middle", tick.Text)
            );
        }

        foreach (var tick in y.Ticks)
        {
            svg.Add(Line("axis", Left, Y(tick.At), Width - Right, Y(tick.At)), Text(Left - 6, Y(tick.At) + 4, "end", tick.Text));
        }

        svg.Add(Text((Left + Width - Right) / 2, Height - 8, "middle", x.Title));
        var title = Text(0, 0, "middle", y.Title);
        title.SetAttributeValue("transform", $"translate(11 {N((Height - Bottom + Top) / 2)}) rotate(-90)");
        svg.Add(title);
        foreach (var one in series)
        {
            if (one.IsLine)
            {
                svg.Add(
                    new XElement(
                        "polyline",
                        new XAttribute("class", one.Style),
                        new XAttribute("points", string.Join(' ', one.Points.Select(point => $"{N(X(point.X))},{N(Y(point.Y))}")))
                    )
                );
            }

            foreach (var (px, py, low, high) in one.Points)
            {
                if (low is { } from && high is { } to)
                {
                    svg.Add(Line(one.Style, X(px), Y(from), X(px), Y(to)));
                }

                if (!one.IsLine || low is not null)
                {
                    svg.Add(
                        new XElement(
                            "circle",
                            new XAttribute("class", one.Style),
                            new XAttribute("cx", N(X(px))),
                            new XAttribute("cy", N(Y(py))),
                            new XAttribute("r", "3.5"),
                            new XElement("title", string.Create(CultureInfo.InvariantCulture, $"{one.Name} {py:0.####}"))
                        )
                    );
                }
            }
        }

        return svg;
    }

    /// <summary>A legend with the names of the series in their colours.</summary>
    public static XElement Key(IEnumerable<Series> series) =>
        HtmlPage.Of(
            "div",
            "soft key",
            series.Where(one => one.Name.Length > 0).Select(one => HtmlPage.Of("span", $"key {one.Style}", one.Name))
        );

    private static XElement Line(string style, double x1, double y1, double x2, double y2) =>
        new(
            "line",
            new XAttribute("class", style),
            new XAttribute("x1", N(x1)),
            new XAttribute("y1", N(y1)),
            new XAttribute("x2", N(x2)),
            new XAttribute("y2", N(y2))
        );

    private static XElement Text(double x, double y, string anchor, string text) =>
        new("text", new XAttribute("x", N(x)), new XAttribute("y", N(y)), new XAttribute("text-anchor", anchor), text);

    private static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
