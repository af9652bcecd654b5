namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>Images of one class that are taken for another.</summary>
/// <param name="Label">Their class.</param>
/// <param name="Predicted">The other.</param>
/// <param name="Count">How many.</param>
/// <param name="Examples">Numbers of a few of them.</param>
public sealed record ConfusedPair(int Label, int Predicted, int Count, IReadOnlyList<int> Examples);

/// <summary>Counts of predictions by class.</summary>
/// <param name="Counts">A row a true class, a column a predicted one.</param>
public sealed record Confusion(int[][] Counts)
{
    private const int ExamplesOfPair = 5;

    public static Confusion Of(IReadOnlyList<Prediction> predictions, int classes)
    {
        var counts = Enumerable.Range(0, classes).Select(_ => new int[classes]).ToArray();
        foreach (var prediction in predictions)
            counts[prediction.Label][prediction.Predicted]++;
        return new Confusion(counts);
    }

    /// <summary>The pairs that are confused most often, relative to the size of the true class.</summary>
    public IReadOnlyList<ConfusedPair> Worst(IReadOnlyList<Prediction> predictions, int count) =>
        [
            .. Counts
                .SelectMany(
                    (row, label) =>
                        row.Select((confused, predicted) => (label, predicted, confused, share: confused / (double)Math.Max(1, row.Sum())))
                )
                .Where(pair => pair.label != pair.predicted && pair.confused > 0)
                .OrderByDescending(pair => pair.share)
                .ThenBy(pair => pair.label)
                .Take(count)
                .Select(pair => new ConfusedPair(
                    pair.label,
                    pair.predicted,
                    pair.confused,
                    [
                        .. predictions
                            .Index()
                            .Where(entry => entry.Item.Label == pair.label && entry.Item.Predicted == pair.predicted)
                            .OrderByDescending(entry => entry.Item.Confidence)
                            .Take(ExamplesOfPair)
                            .Select(entry => entry.Index),
                    ]
                )),
        ];
}
