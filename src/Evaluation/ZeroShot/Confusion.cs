namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>Images of one class that are predicted as another.</summary>
/// <param name="Label">Their class.</param>
/// <param name="Predicted">The predicted class.</param>
/// <param name="Count">Number of images.</param>
/// <param name="Examples">Indices of example images.</param>
public sealed record ConfusedPair(int Label, int Predicted, int Count, IReadOnlyList<int> Examples);

/// <summary>Confusion matrix.</summary>
/// <param name="Counts">Counts by true class (row) and predicted class (column).</param>
public sealed record Confusion(int[][] Counts)
{
    private const int ExamplesOfPair = 5;

    public static Confusion Of(IReadOnlyList<Prediction> predictions, int classes)
    {
        var counts = Enumerable.Range(0, classes).Select(_ => new int[classes]).ToArray();
        foreach (var prediction in predictions)
        {
            counts[prediction.Label][prediction.Predicted]++;
        }

        return new Confusion(counts);
    }

    /// <summary>The most confused pairs, relative to the size of the true class.</summary>
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
