using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Evaluation.Statistics;

namespace ClipTrain.Trainer.Evaluation;

/// <summary>How much better or worse a model is than another on the images of one split.</summary>
/// <param name="Set">The split.</param>
/// <param name="Task">As in <see cref="ResultRow"/>.</param>
/// <param name="Metric">The share that is compared.</param>
/// <param name="First">That of the first model.</param>
/// <param name="Second">That of the second model.</param>
/// <param name="Difference">The second's less the first's.</param>
/// <param name="Range">95% interval of the difference.</param>
/// <param name="P">McNemar's exact test.</param>
/// <param name="N">Number of images or queries.</param>
public sealed record Comparison(string Set, string Task, string Metric, double First, double Second, double Difference, Interval Range, double P, long N)
{
    /// <summary>Compares two models' figures of the same splits.</summary>
    /// <exception cref="CorpusException">A split had other images for one than for the other.</exception>
    public static IReadOnlyList<Comparison> Of(IReadOnlyList<SplitFigures> first, IReadOnlyList<SplitFigures> second) =>
    [
        .. first.Zip(second).SelectMany(split => Outcomes(split.First).Zip(Outcomes(split.Second), (a, b) => Of(a, b))),
    ];

    private static Comparison Of(Outcome first, Outcome second)
    {
        var (a, b) = (first.IsRight, second.IsRight);
        if (a.Count != b.Count)
            throw new CorpusException($"Evaluation split '{first.Set}': one model was measured on {a.Count} images or queries, the other on {b.Count}. Remove what one of them cannot read.");
        var pairs = a.Zip(b).ToList();
        var (firstOnly, secondOnly) = (pairs.Count(pair => pair is (true, false)), pairs.Count(pair => pair is (false, true)));
        return new Comparison(
            first.Set, first.Task, first.Metric, Share(a), Share(b), Share(b) - Share(a), Interval.OfDifference(firstOnly, secondOnly, pairs.Count), PairedTest.McNemar(firstOnly, secondOnly), pairs.Count);
    }

    private static double Share(IReadOnlyList<bool> outcomes) => outcomes.Count(isRight => isRight) / (double)outcomes.Count;

    private static IReadOnlyList<Outcome> Outcomes(SplitFigures split) => split.Figures switch
    {
        RetrievalResult result =>
        [
            new(split.Split, $"{split.Task} image_to_text", "r1", [.. result.ImageToText.Ranks.Select(rank => rank < 1)]),
            new(split.Split, $"{split.Task} text_to_image", "r1", [.. result.TextToImage.Ranks.Select(rank => rank < 1)]),
        ],
        Classification result => [new(split.Split, split.Task, "top1", [.. result.Predictions.Select(prediction => prediction.Before < 1)])],
        var other => throw new InvalidOperationException($"{other.GetType()} holds no outcomes."),
    };

    private sealed record Outcome(string Set, string Task, string Metric, IReadOnlyList<bool> IsRight);
}
