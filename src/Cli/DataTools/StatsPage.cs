using System.Xml.Linq;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Report;

namespace ClipTrain.Cli.DataTools;

/// <summary>HTML page of corpus statistics.</summary>
internal static class StatsPage
{
    public static void Write(string path, StatsReport report)
    {
        var s = report.Statistics;
        HtmlPage.Write(
            path,
            "Corpus",
            report.Extent + $"; seen by a model of {report.Size} px and {report.Context} tokens",
            HtmlPage.Of(
                "div",
                "tiles",
                HtmlPage.Tile("rows", Readable.Count(s.Rows), $"{Readable.Count(report.CorpusRows)} in the corpus"),
                HtmlPage.Tile(
                    "median image",
                    $"{Readable.Number(s.Width.Quantile(0.5))} × {Readable.Number(s.Height.Quantile(0.5))}",
                    $"{Readable.Percent(s.ShortSide.ShareBelow(report.Size))} have a side under {report.Size} px"
                ),
                Share("captions cut", s.TruncatedCaptions, $"longer than {report.Context - 2} tokens"),
                Share("repeated images", report.RepeatedImages, "same bytes as an earlier row"),
                Share("repeated captions", report.RepeatedCaptions, "same text as an earlier row"),
                Share(
                    "unusable",
                    s.MissingImages + s.UnreadableImages + s.MissingCaptions,
                    $"{Readable.Count(s.MissingImages)} images missing, {Readable.Count(s.UnreadableImages)} unreadable, "
                        + $"{Readable.Count(s.MissingCaptions)} captions missing"
                )
            ),
            HtmlPage.Of(
                "div",
                "grid",
                Charts.Histogram("Width", "px", s.Width, mark: (report.Size, $"{report.Size} px")),
                Charts.Histogram("Height", "px", s.Height, mark: (report.Size, $"{report.Size} px")),
                Charts.Histogram("Aspect", "width / height", s.Aspect, whole: false),
                Charts.Histogram("Image file", "bytes", s.Bytes),
                Charts.Histogram("Caption, characters", "characters", s.Characters),
                Charts.Histogram("Caption, tokens", "tokens", s.Tokens, mark: (report.Context - 2, "context"))
            ),
            HtmlPage.Of(
                "div",
                "grid narrow",
                Charts.Shares(
                    "Format",
                    "by the first bytes of the image",
                    s.Formats.Select(format => KeyValuePair.Create(format.Key.ToString(), format.Value))
                ),
                Charts.Shares("Script", "of the majority of a caption's letters", s.Scripts),
                Repeats("Most repeated images", report.MostRepeatedImages),
                Repeats("Most repeated captions", report.MostRepeatedCaptions)
            )
        );

        XElement Share(string name, long count, string note) =>
            HtmlPage.Tile(
                name,
                Readable.Percent(report.Share(count)),
                count == 0 ? "none" : $"{Readable.Count(count)}: {note}",
                warns: report.Share(count) > 0.05
            );
    }

    private static XElement Repeats(string title, IReadOnlyList<NamedRepeat> repeats) =>
        HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", title),
            repeats.Count == 0
                ? HtmlPage.Soft("each occurs once")
                : new XElement(
                    "table",
                    repeats.Select(repeat => new XElement(
                        "tr",
                        new XElement("td", repeat.Name),
                        HtmlPage.Of("td", "number", $"{Readable.Count(repeat.Times)} times")
                    ))
                )
        );
}
