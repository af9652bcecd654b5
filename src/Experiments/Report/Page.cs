using System.Xml.Linq;
using ClipTrain.Evaluation.Report;

namespace ClipTrain.Experiments.Report;

/// <summary>Style, cards and tables of pages about laws.</summary>
internal static class Page
{
    private const string Style = """
        :root { --warn: #a4531f; --grid: #eef0f2; --light: none; }
        @media (prefers-color-scheme: dark) { :root { --warn: #e5a06f; --grid: #262b30; --light: brightness(1.5); } }
        @media (max-width: 40rem) { body { padding: 1.5rem .75rem 3rem; } }
        h1 { overflow-wrap: anywhere; }
        h2 { font-size: 1.05rem; }
        .card { min-width: 0; margin-bottom: 1rem; padding: 1rem 1.15rem; background: var(--card); border: 1px solid var(--line);
          border-radius: 10px; overflow-x: auto; }
        .grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 0 1rem; }
        ul { margin: .4rem 0 0; padding-left: 1.2rem; }
        li { margin-bottom: .2rem; }
        .warn li::marker { color: var(--warn); }
        svg { display: block; width: 100%; min-width: 30rem; height: auto; margin-top: .5rem; }
        svg .gridline { stroke: var(--grid); }
        svg .axis { stroke: var(--soft); fill: none; }
        svg text { fill: var(--soft); font-size: 12px; }
        svg text.ink { fill: var(--ink); }
        svg .curve { fill: none; stroke-width: 1.8; filter: var(--light); }
        svg .band { stroke: none; opacity: .15; }
        svg .mark { filter: var(--light); }
        svg .open { fill: var(--card); stroke-width: 1.6; filter: var(--light); }
        svg .beyond { stroke-dasharray: 5 4; }
        table { border-collapse: collapse; margin-top: .5rem; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
        th { padding: .3rem .9rem .3rem 0; text-align: left; font-weight: 550; color: var(--soft); white-space: nowrap; }
        td { padding: .3rem .9rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
        """;

    /// <summary>Writes a page.</summary>
    /// <param name="path">The file to create or replace.</param>
    public static void Write(string path, string title, string subtitle, params IEnumerable<XElement?> body) =>
        HtmlPage.WriteStyled(path, new PageHead(title, subtitle, Style), body);

    /// <summary>A card whose content scrolls if it is wider than the window, by the keyboard as well.</summary>
    public static XElement Card(string title, string note, params object?[] content) =>
        new(
            "section",
            new XAttribute("class", "card"),
            new XAttribute("tabindex", "0"),
            new XElement("h2", title),
            HtmlPage.Soft(note),
            content
        );

    /// <summary>A card with a list; null if the list is empty.</summary>
    public static XElement? List(string title, IReadOnlyList<string> lines) =>
        lines.Count == 0
            ? null
            : new XElement(
                "section",
                new XAttribute("class", "card warn"),
                new XElement("h2", title),
                new XElement("ul", lines.Select(line => new XElement("li", line)))
            );

    public static XElement Table(IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows) =>
        new(
            "table",
            new XElement("thead", new XElement("tr", columns.Select(column => new XElement("th", column)))),
            new XElement("tbody", rows.Select(row => new XElement("tr", row.Select(cell => new XElement("td", cell)))))
        );
}
