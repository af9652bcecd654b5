using System.Xml.Linq;

namespace ClipTrain.Experiments.Report;

/// <summary>A mark of a chart.</summary>
/// <param name="Shape">Index of its shape.</param>
internal sealed record Mark(double X, double Y, string Color, int Shape, string Tip, bool Ringed = false);

/// <summary>A curve of a chart with an optional interval. It is dashed beyond the last measurement.</summary>
internal sealed record Curve(
    string Name,
    string Color,
    IReadOnlyList<(double X, double Y)> Line,
    IReadOnlyList<(double X, double Low, double High)> Band,
    double MeasuredTo
);

/// <summary>A scatter plot with curves on two logarithmic axes, as SVG.</summary>
internal static class LogLogChart
{
    /// <summary>Number of shapes: six, filled and open.</summary>
    public const int Shapes = 2 * Outlines;

    private const int Outlines = 6;

    /// <summary>Widths in a legend: of its mark, and of a letter at most.</summary>
    private const double LegendMark = 22,
        Letter = 6.4;

    private const double Width = 640,
        Height = 400,
        Left = 62,
        Right = 12,
        Top = 10,
        Bottom = 46,
        MostBelow = 1.6;

    public static XElement Draw(
        string xName,
        string yName,
        IReadOnlyList<Mark> marks,
        IReadOnlyList<Curve> curves,
        IReadOnlyList<(string Text, string Color, int Shape)> legend
    )
    {
        // Show predictions beyond the data as long as the axis stays readable.
        var least = marks.Min(mark => mark.Y) / MostBelow;
        var y = new Axis(
            marks
                .Select(mark => mark.Y)
                .Concat(curves.SelectMany(curve => curve.Line).Select(point => point.Y).Where(value => value >= least)),
            Height - Bottom,
            Top
        );
        var x = new Axis(
            marks.Select(mark => mark.X).Concat(curves.SelectMany(curve => curve.Line.Select(point => point.X))),
            Left,
            Width - Right
        );
        List<(string Text, string Color, int Shape)> entries = [.. curves.Select(curve => (curve.Name, curve.Color, -1)), .. legend];
        var columns = Columns(entries);
        var svg = new XElement(
            "svg",
            new XAttribute("viewBox", $"0 0 {Figure.Place(Width)} {Figure.Place(Height + ((entries.Count + columns - 1) / columns * 18))}"),
            new XAttribute("role", "img"),
            new XAttribute("aria-label", $"{yName} by {xName}")
        );
        foreach (var tick in x.Ticks())
        {
            svg.Add(
                Line(x.Place(tick), Top, x.Place(tick), Height - Bottom, "gridline"),
                Text(x.Place(tick), Height - Bottom + 17, "middle", "", Figure.Short(tick))
            );
        }

        foreach (var tick in y.Ticks())
        {
            svg.Add(
                Line(Left, y.Place(tick), Width - Right, y.Place(tick), "gridline"),
                Text(Left - 7, y.Place(tick) + 4, "end", "", Figure.Short(tick))
            );
        }

        svg.Add(
            Element(
                "path",
                ("class", "axis"),
                ("d", $"M{Figure.Place(Left)} {Figure.Place(Top)}V{Figure.Place(Height - Bottom)}H{Figure.Place(Width - Right)}")
            )
        );
        svg.Add(
            Text((Left + Width - Right) / 2, Height - 8, "middle", "ink", xName),
            new XElement(
                "text",
                new XAttribute("class", "ink"),
                new XAttribute("text-anchor", "middle"),
                new XAttribute("transform", $"translate(14 {Figure.Place((Height - Bottom + Top) / 2)}) rotate(-90)"),
                yName
            )
        );
        foreach (var curve in curves)
        {
            if (curve.Band.Count > 0)
            {
                svg.Add(
                    Element(
                        "path",
                        ("class", "band"),
                        ("fill", curve.Color),
                        (
                            "d",
                            Path(
                                curve
                                    .Band.Select(p => (x.Place(p.X), Clamp(y, p.High)))
                                    .Concat(curve.Band.Reverse().Select(p => (x.Place(p.X), Clamp(y, p.Low)))),
                                closed: true
                            )
                        )
                    )
                );
            }

            foreach (var (part, style) in Parts(curve))
            {
                svg.Add(
                    Element(
                        "path",
                        ("class", style),
                        ("stroke", curve.Color),
                        ("d", Path(part.Where(p => p.Y >= y.Low && p.Y <= y.High).Select(p => (x.Place(p.X), y.Place(p.Y))), closed: false))
                    )
                );
            }
        }

        foreach (var mark in marks)
        {
            if (mark.Ringed)
            {
                svg.Add(
                    Element(
                        "circle",
                        ("cx", Figure.Place(x.Place(mark.X))),
                        ("cy", Figure.Place(y.Place(mark.Y))),
                        ("r", "8"),
                        ("class", "axis")
                    )
                );
            }

            svg.Add(Shape(x.Place(mark.X), y.Place(mark.Y), mark.Shape, mark.Color, mark.Tip));
        }

        foreach (var (place, entry) in entries.Index())
        {
            double left = Left + (place % columns * (Width - Left) / columns),
                top = Height + 8 + (place / columns * 18);
            svg.Add(
                entry.Shape < 0
                    ? Element("path", ("class", "curve"), ("stroke", entry.Color), ("d", $"M{Figure.Place(left)} {Figure.Place(top)}h16"))
                    : Shape(left + 8, top, entry.Shape, entry.Color, entry.Text)
            );
            svg.Add(Text(left + LegendMark, top + 4, "start", "", entry.Text));
        }

        return svg;
    }

    /// <summary>As many columns of the legend, up to four, as its longest entry leaves room for.</summary>
    private static int Columns(List<(string Text, string Color, int Shape)> entries) =>
        entries.Count == 0
            ? 1
            : Math.Clamp((int)((Width - Left) / (LegendMark + (Letter * (entries.Max(entry => entry.Text.Length) + 1)))), 1, 4);

    private static double Clamp(Axis y, double value) => y.Place(Math.Clamp(value, y.Low, y.High));

    /// <summary>Splits a curve where the measurements end.</summary>
    private static IEnumerable<(IEnumerable<(double X, double Y)> Part, string Style)> Parts(Curve curve)
    {
        var inside = curve.Line.Count(p => p.X <= curve.MeasuredTo);
        return [(curve.Line.Take(inside), "curve"), (curve.Line.Skip(Math.Max(0, inside - 1)), "curve beyond")];
    }

    private static string Path(IEnumerable<(double X, double Y)> points, bool closed)
    {
        var path = string.Join('L', points.Select(p => $"{Figure.Place(p.X)} {Figure.Place(p.Y)}"));
        return path.Length == 0 ? "M0 0" : $"M{path}{(closed ? "Z" : "")}";
    }

    private static XElement Shape(double x, double y, int shape, string color, string tip)
    {
        var at = (FormattableString)$"M{x:0.##} {y:0.##}";
        var path =
            FormattableString.Invariant(at)
            + (shape % Outlines) switch
            {
                0 => "m-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0Z",
                1 => "m-3.8 -3.8h7.6v7.6h-7.6Z",
                2 => "m0 -4.8l4.6 8h-9.2Z",
                3 => "m0 -5.2l5.2 5.2l-5.2 5.2l-5.2 -5.2Z",
                4 => "m0 4.8l4.6 -8h-9.2Z",
                _ => "m-1.5 -4.8h3v3.3h3.3v3h-3.3v3.3h-3v-3.3h-3.3v-3h3.3Z",
            };
        return new XElement(
            "path",
            new XAttribute("d", path),
            shape < Outlines
                ? new object[] { new XAttribute("class", "mark"), new XAttribute("fill", color) }
                : new object[] { new XAttribute("class", "open"), new XAttribute("stroke", color) },
            new XElement("title", tip)
        );
    }

    private static XElement Line(double x1, double y1, double x2, double y2, string style) =>
        Element(
            "line",
            ("class", style),
            ("x1", Figure.Place(x1)),
            ("y1", Figure.Place(y1)),
            ("x2", Figure.Place(x2)),
            ("y2", Figure.Place(y2))
        );

    private static XElement Text(double x, double y, string anchor, string style, string text) =>
        new(
            "text",
            new XAttribute("class", style),
            new XAttribute("x", Figure.Place(x)),
            new XAttribute("y", Figure.Place(y)),
            new XAttribute("text-anchor", anchor),
            text
        );

    private static XElement Element(string name, params (string Name, string Value)[] attributes) =>
        new(name, attributes.Select(attribute => new XAttribute(attribute.Name, attribute.Value)));
}
