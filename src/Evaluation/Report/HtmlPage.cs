using System.Text;
using System.Xml.Linq;

namespace ClipTrain.Evaluation.Report;

/// <summary>
/// Writes self-contained HTML pages: one file without scripts or external resources, light or dark like the reader's system.
/// </summary>
public static class HtmlPage
{
    /// <summary>Colours, text and header of every page.</summary>
    private const string Common = """
        :root { color-scheme: light dark; --ground: #f7f7f5; --card: #ffffff; --ink: #1c2126; --soft: #667079; --line: #e3e5e7;
          --accent: #2f6db3; --warn: #b4492f; --chip: #eef2f7; }
        @media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1c2024; --ink: #e6e8ea; --soft: #98a2ab;
          --line: #2e343a; --accent: #6aa5e8; --warn: #e58a6f; --chip: #29313a; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 78rem; background: var(--ground); color: var(--ink);
          font: 15px/1.5 system-ui, sans-serif; }
        h1 { margin: 0; font-size: 1.6rem; font-weight: 650; letter-spacing: -0.01em; }
        h2 { margin: 0 0 .1rem; font-size: 1rem; font-weight: 600; }
        .soft { color: var(--soft); font-size: .86rem; }
        header { margin-bottom: 1.75rem; }
        """;

    private const string Style = """
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 1rem; margin-bottom: 1rem; }
        .grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; margin-bottom: 1rem; }
        .grid.narrow { grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); }
        .card { min-width: 0; padding: 1rem 1.15rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .figure { font-size: 1.55rem; font-weight: 620; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
        .warn { color: var(--warn); }
        svg { display: block; width: 100%; height: auto; margin-top: .6rem; }
        svg rect { fill: var(--accent); }
        svg rect.track { fill: var(--chip); }
        svg line { stroke: var(--line); }
        svg line.mark { stroke: var(--warn); stroke-dasharray: 3 3; }
        svg text { fill: var(--soft); font-size: 11px; }
        svg text.ink { fill: var(--ink); }
        table { width: 100%; border-collapse: collapse; margin-top: .5rem; font-size: .9rem; }
        th { padding: .3rem .6rem .3rem 0; text-align: left; font-weight: 600; color: var(--soft); }
        th.number { text-align: right; padding-left: .8rem; padding-right: 0; }
        td { padding: .3rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
        td:first-child { padding-right: 1rem; }
        td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        .sample { margin-bottom: 1rem; }
        .pictures { display: flex; flex-wrap: wrap; gap: .6rem; align-items: flex-start; margin-bottom: .7rem; }
        figure { margin: 0; }
        figure img { display: block; height: 11rem; max-width: 100%; border-radius: 6px; background: var(--chip); object-fit: contain; }
        .first { padding-right: .8rem; margin-right: .2rem; border-right: 1px solid var(--line); }
        .caption { margin: 0 0 .45rem; overflow-wrap: anywhere; }
        .token { display: inline-block; margin: 0 1px 3px 0; padding: 0 .3em; background: var(--chip); border-radius: 4px;
          font: .82rem/1.55 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
        .token.ends { margin-right: .45em; }
        td.number + td.number { padding-left: .8rem; }
        section.set { margin-top: 2.2rem; }
        h2.set { font-size: 1.2rem; }
        section.set > .grid { margin-top: .8rem; align-items: start; }
        .card + .card { margin-top: 0; }
        .card.wide { grid-column: 1 / -1; }
        .thumbs { display: flex; flex-wrap: wrap; gap: .35rem; margin-bottom: .7rem; }
        .thumbs img, td img { width: 3.3rem; height: 3.3rem; object-fit: contain; border-radius: 4px; background: var(--chip);
          image-rendering: auto; }
        svg.bar { width: 100%; min-width: 7rem; height: 12px; margin: .35rem 0 0; }
        svg rect.whisker { fill: var(--ink); }
        svg line.accent { stroke: var(--accent); stroke-width: 1.5; }
        svg line.warn { stroke: var(--warn); stroke-width: 1.5; }
        svg line.soft { stroke: var(--soft); }
        svg circle { fill: var(--accent); }
        svg circle.warn { fill: var(--warn); }
        svg circle.soft { fill: var(--soft); }
        svg polyline { fill: none; stroke: var(--accent); stroke-width: 1.8; }
        svg polyline.warn { stroke: var(--warn); }
        svg polyline.soft { stroke: var(--soft); stroke-dasharray: 4 3; }
        span.key { margin-right: 1.2em; }
        span.key::before { content: ""; display: inline-block; width: .75em; height: .75em; margin-right: .4em; border-radius: 3px;
          background: var(--accent); }
        span.key.warn::before { background: var(--warn); }
        span.key.soft::before { background: var(--soft); }
        .pair { text-align: center; }
        .pair img { display: inline-block; margin: 0 1px; }
        summary { cursor: pointer; font-weight: 600; }
        """;

    /// <summary>Writes a page.</summary>
    /// <inheritdoc cref="WriteStyled"/>
    public static void Write(string path, string title, string subtitle, params object?[] body) =>
        WriteStyled(path, new PageHead(title, subtitle, Style), body);

    /// <summary>
    /// Writes a page with additions to the common stylesheet. Characters that a page cannot contain are replaced with U+FFFD.
    /// </summary>
    /// <param name="path">The file to create or replace. Its folder is created.</param>
    public static void WriteStyled(string path, PageHead head, params object?[] body)
    {
        var page = new XElement(
            "html",
            new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("title", head.Title),
                new XElement("style", Common + "\n" + head.Style)
            ),
            new XElement("body", new XElement("header", new XElement("h1", head.Title), Soft(head.Subtitle)), new XElement("main", body))
        );
        foreach (var text in page.DescendantNodes().OfType<XText>())
        {
            text.Value = Safe(text.Value);
        }

        foreach (var attribute in page.Descendants().Attributes())
        {
            attribute.Value = Safe(attribute.Value);
        }

        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
        {
            Directory.CreateDirectory(folder);
        }

        File.WriteAllText(path, "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting));
    }

    /// <summary>An element with a class.</summary>
    public static XElement Of(string name, string style, params object?[] content) => new(name, new XAttribute("class", style), content);

    public static XElement Soft(string text) => Of("div", "soft", text);

    /// <summary>A tile with a key figure.</summary>
    public static XElement Tile(string name, string value, string note, bool warns = false) =>
        Of("div", "card", Soft(name), Of("div", warns ? "figure warn" : "figure", value), Soft(note));

    public static XElement Image(byte[] jpeg, string alternative) =>
        new("img", new XAttribute("alt", alternative), new XAttribute("src", "data:image/jpeg;base64," + Convert.ToBase64String(jpeg)));

    /// <summary>Replaces control characters and lone surrogates.</summary>
    private static string Safe(string text)
    {
        // Images are long texts too, and nearly all texts can stay unchanged.
        var isSafe = true;
        foreach (var rune in text.EnumerateRunes())
        {
            isSafe &= rune != Rune.ReplacementChar && !IsUnfit(rune);
        }

        if (isSafe)
        {
            return text;
        }

        var safe = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            safe.Append(IsUnfit(rune) ? "\uFFFD" : rune.ToString());
        }

        return safe.ToString();
    }

    private static bool IsUnfit(Rune rune) => (Rune.IsControl(rune) && rune.Value is not ('\n' or '\t')) || rune.Value is 0xFFFE or 0xFFFF;
}

/// <summary>Head of a page.</summary>
/// <param name="Title">Title and first line of the page.</param>
/// <param name="Subtitle">Second line of the page.</param>
/// <param name="Style">Additions to the common stylesheet.</param>
public sealed record PageHead(string Title, string Subtitle, string Style);
