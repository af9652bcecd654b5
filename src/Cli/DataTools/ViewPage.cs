using System.Xml.Linq;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Evaluation.Report;

namespace ClipTrain.Cli.DataTools;

/// <summary>HTML contact sheet of samples.</summary>
internal static class ViewPage
{
    public static void Write(string path, IReadOnlyList<SampleView> samples, string subtitle) =>
        HtmlPage.Write(path, "Samples", subtitle, [.. samples.Select(Sample)]);

    private static XElement Sample(SampleView sample) =>
        HtmlPage.Of(
            "section",
            "card sample",
            sample.Pictures is { } pictures ? Pictures(pictures) : HtmlPage.Of("p", "warn", sample.Problem!),
            string.IsNullOrWhiteSpace(sample.Caption)
                ? HtmlPage.Of("p", "caption warn", "no caption")
                : HtmlPage.Of("p", "caption", sample.Caption),
            new XElement(
                "div",
                sample.Tokens.Select(token =>
                    HtmlPage.Of("span", token.EndsWord ? "token ends" : "token", token.Text.Length == 0 ? "·" : token.Text)
                ),
                sample.CutTokens > 0 ? HtmlPage.Of("span", "warn", $" {Readable.Count(sample.CutTokens)} more tokens cut off") : ""
            ),
            HtmlPage.Soft(sample.Key)
        );

    private static XElement Pictures(SamplePictures pictures) =>
        HtmlPage.Of(
            "div",
            "pictures",
            HtmlPage.Of(
                "figure",
                "first",
                HtmlPage.Image(pictures.Original, "original"),
                HtmlPage.Of("figcaption", "soft", $"{pictures.Width} × {pictures.Height}")
            ),
            pictures
                .Augmented.Index()
                .Select(crop => new XElement(
                    "figure",
                    HtmlPage.Image(crop.Item, $"epoch {crop.Index}"),
                    HtmlPage.Of("figcaption", "soft", $"epoch {crop.Index}")
                ))
        );
}
