using System.Globalization;
using System.Xml.Linq;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Report;

/// <summary>The report section of one set.</summary>
internal static class SetSection
{
    private const int Classes = 12,
        Pairs = 5;

    public static XElement Draw(SetResult result)
    {
        var cards = new List<object?>();
        if (result.ZeroShot is { Predictions.Count: > 0 } zeroShot)
        {
            cards.AddRange([Calibration(zeroShot.Predictions), WorstClasses(zeroShot), Confused(result, zeroShot)]);
        }

        if (result.Retrieval is { } retrieval)
        {
            cards.Add(Retrieved(result, retrieval));
        }

        if (result.Probe is { Tried.Count: > 1 } probe)
        {
            cards.Add(Search(probe));
        }

        if (result.FewShot is { Points.Count: > 0 } fewShot)
        {
            cards.Add(Curve(fewShot));
        }

        var leftOut = result.LeftOut > 0 ? $", {Words.Count(result.LeftOut)} skipped that could not be decoded" : "";
        var note = $"{Words.Count(result.Images.Count)} images{leftOut}";
        return HtmlPage.Of(
            "section",
            "set",
            new XElement("h2", new XAttribute("class", "set"), result.Set.Name),
            HtmlPage.Soft(note),
            HtmlPage.Of("div", "grid", cards)
        );
    }

    private static XElement Calibration(IReadOnlyList<Prediction> predictions)
    {
        var reliability = Reliability.Of(predictions);
        var bins = reliability
            .Bins.Where(bin => bin.Images > 0)
            .Select(bin =>
            {
                var accuracy = bin.Right / (double)bin.Images;
                var interval = Interval.OfProportion(accuracy, bin.Images);
                return (bin.Confidence, accuracy, (double?)interval.Low, (double?)interval.High);
            })
            .ToList();
        Series[] series =
        [
            new("perfect", [(0, 0, null, null), (1, 1, null, null)], "soft", IsLine: true),
            new("", bins, "accent", IsLine: false),
        ];
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", "Calibration"),
            HtmlPage.Soft(
                $"Expected calibration error {Words.Percent(reliability.Error)} over 15 bins. Below the line the model is "
                    + "overconfident."
            ),
            Plot.Draw("calibration", Axis.OfShares("confidence"), Axis.OfShares("accuracy"), series)
        );
    }

    private static XElement WorstClasses(ZeroShotResult result)
    {
        var rows = result
            .Predictions.GroupBy(prediction => prediction.Label)
            .Select(own => (Name: result.Classes[own.Key], Right: own.Count(prediction => prediction.Before == 0), Count: own.Count()))
            .OrderBy(own => own.Right / (double)own.Count)
            .ThenBy(own => own.Name, StringComparer.Ordinal)
            .Take(Classes);
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", "Hardest classes"),
            HtmlPage.Soft(
                $"The {Math.Min(Classes, result.Classes.Count)} classes with the lowest zero-shot accuracy, of {result.Classes.Count}."
            ),
            new XElement(
                "table",
                rows.Select(row =>
                {
                    var interval = Interval.OfProportion(row.Right / (double)row.Count, row.Count);
                    return new XElement(
                        "tr",
                        new XElement("td", row.Name),
                        HtmlPage.Of("td", "number", Words.Percent(row.Right / (double)row.Count)),
                        HtmlPage.Of("td", "number", $"{Words.Percent(interval.Low)} – {Words.Percent(interval.High)}"),
                        HtmlPage.Of("td", "number", $"{row.Right} of {row.Count}")
                    );
                })
            )
        );
    }

    private static XElement Confused(SetResult set, ZeroShotResult result)
    {
        var worst = Confusion.Of(result.Predictions, result.Classes.Count).Worst(result.Predictions, Pairs);
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", "Most confused"),
            worst.Count == 0 ? HtmlPage.Soft("Nothing is confused.") : null,
            worst.Select(pair => new XElement(
                "div",
                new XElement(
                    "p",
                    new XAttribute("class", "caption"),
                    $"{result.Classes[pair.Label]} taken for {result.Classes[pair.Predicted]}: {pair.Count} times"
                ),
                HtmlPage.Of(
                    "div",
                    "thumbs",
                    pair.Examples.Select(example =>
                        Thumb(set, result.Images[example], $"{result.Classes[pair.Label]} taken for {result.Classes[pair.Predicted]}")
                    )
                )
            ))
        );
    }

    private static XElement Retrieved(SetResult set, RetrievalOutcome outcome) =>
        HtmlPage.Of(
            "div",
            "card wide",
            new XElement("h2", "Retrieval examples"),
            HtmlPage.Soft("From best to worst: an image, its caption and the first-ranked caption."),
            new XElement(
                "table",
                outcome.Examples.Select(example => new XElement(
                    "tr",
                    new XElement("td", Thumb(set, example.Image, example.Caption)),
                    new XElement("td", example.Caption),
                    new XElement(
                        "td",
                        example.Rank == 1
                            ? "found first"
                            : $"rank {(example.Rank == long.MaxValue ? "∞" : Words.Count(example.Rank))}; first was “{example.Found}”"
                    )
                ))
            )
        );

    private static XElement Search(ProbeResult probe)
    {
        var tried = probe.Tried.Select(one => (Math.Log10(one.C), one.Accuracy, (double?)null, (double?)null)).ToList();
        var (low, high) = (probe.Tried.Min(one => one.Accuracy), probe.Tried.Max(one => one.Accuracy));
        var (from, to) = (Math.Max(0, low - 0.03), Math.Min(1, high + 0.03));
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", "Linear probe"),
            HtmlPage.Soft(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Accuracy on the validation images by inverse strength of the penalty; C = {probe.C:0.###e0} is best."
                )
            ),
            Plot.Draw(
                "search",
                new Axis("C", -6, 6, [.. Enumerable.Range(-3, 7).Select(i => new Tick(2 * i, $"1e{2 * i}"))]),
                Axis.OfShares("accuracy", from, to),
                [new Series("", tried, "accent", IsLine: true), new Series("", tried, "accent", IsLine: false)]
            )
        );
    }

    private static XElement Curve(FewShotResult result)
    {
        var points = result
            .Points.Select(point => (Math.Log2(point.Shots), point.Accuracy, (double?)point.Interval.Low, (double?)point.Interval.High))
            .ToList();
        var (first, last) = (Math.Log2(result.Points[0].Shots) - 0.3, Math.Log2(result.Points[^1].Shots) + 0.3);
        List<Series> series = [new("linear probe", points, "accent", IsLine: true)];
        if (result.ZeroShot is { } zeroShot)
        {
            series.Add(new Series("zero-shot", [(first, zeroShot, null, null), (last, zeroShot, null, null)], "warn", IsLine: true));
        }

        var note =
            result.LabelsToMatch is { } labels ? $"{Words.Number(labels)} labels per class match zero-shot."
            : result.ZeroShot is null ? ""
            : "No tried number of labels matches zero-shot.";
        return HtmlPage.Of(
            "div",
            "card",
            new XElement("h2", "Few-shot"),
            HtmlPage.Soft(note),
            Plot.Draw(
                "few-shot",
                new Axis(
                    "labels per class",
                    first,
                    last,
                    [.. result.Points.Select(point => new Tick(Math.Log2(point.Shots), point.Shots.ToString(CultureInfo.InvariantCulture)))]
                ),
                Axis.OfShares("accuracy"),
                series
            ),
            Plot.Key(series)
        );
    }

    private static XElement? Thumb(SetResult set, int image, string alternative) =>
        set.Pictures.TryGetValue(image, out var jpeg) ? HtmlPage.Image(jpeg, alternative) : null;
}
