using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Humans;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Robustness;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Analyses of earlier measurements on sets.</summary>
internal static class SuiteAnalyses
{
    /// <summary>Number of pairs in a contact sheet, half on each side of the threshold.</summary>
    private const int SheetPairs = 24;

    public static ShiftResult Shift(
        ShiftOptions shift,
        IReadOnlyList<SetResult> sets,
        Func<ShiftOptions, IReadOnlyList<BaselineModel>> pixelBaselines
    )
    {
        var baselines = shift.Baselines == ShiftOptions.Pixels ? pixelBaselines(shift) : null;
        return ShiftEvaluation.Run(shift, baselines, Answers(shift.Reference), Answers(shift.Shifted));

        IReadOnlyList<TaskAnswers> Answers(string name) =>
            [
                .. (sets.FirstOrDefault(set => set.Set.Name == name)?.Predictions ?? []).Select(task => new TaskAnswers(
                    task.Task,
                    [.. task.Predictions.Select(prediction => prediction.Before == 0)]
                )),
            ];
    }

    public static HumanResult Humans(HumanOptions options, IReadOnlyList<SetResult> sets) =>
        sets.FirstOrDefault(set => set.Set.Name == options.Set)?.ZeroShot is { Predictions.Count: > 0 } zeroShot
            ? HumanComparison.Run(options, zeroShot)
            : throw SetError.Of(options.Set, "humans are compared with zero-shot, which was not measured; add zero_shot to tasks.");

    /// <param name="options">The search.</param>
    /// <param name="found">What it found.</param>
    /// <param name="measured">Measurements on the set; null if there are none.</param>
    public static OverlapResult Overlap(OverlapOptions options, OverlapSearch found, SetResult? measured)
    {
        if (found.Nearest.Count == 0)
        {
            throw OverlapEvaluation.NoImages(found.Corpus);
        }

        IReadOnlyList<bool?>? right = null;
        if (measured?.ZeroShot is { Predictions.Count: > 0 } zeroShot)
        {
            // The search may have left out other images than the measurement, so rows tell which image is which.
            var byRow = zeroShot
                .Images.Zip(zeroShot.Predictions)
                .ToDictionary(pair => measured.Images[pair.First].Row, pair => pair.Second.Before == 0);
            right = [.. found.Images.Select(image => byRow.TryGetValue(image.Row, out var isRight) ? isRight : (bool?)null)];
        }

        var result = OverlapEvaluation.Run(options, found.Nearest, right);
        return result with { Sheet = Sheet(result, found) };
    }

    /// <summary>The pairs nearest to the threshold on both sides, for inspection.</summary>
    private static List<(NearestImage Pair, byte[]? Test, byte[]? Corpus)> Sheet(OverlapResult result, OverlapSearch found)
    {
        var below = result.Nearest.Where(result.IsOverlap).OrderByDescending(pair => pair.Distance).Take(SheetPairs / 2);
        var above = result.Nearest.Where(pair => !result.IsOverlap(pair)).OrderBy(pair => pair.Distance).Take(SheetPairs / 2);
        var pairs = below.Concat(above).OrderBy(pair => pair.Distance).ThenBy(pair => pair.Image).ToList();
        var tests = Pictures.Of(found.Set, found.Images, pairs.Select(pair => pair.Image));
        using var maker = new PictureMaker(new ImageTransformOptions(PerceptualHashSide));
        using var reader = new DataPipeline.Corpus.CorpusReader(found.Corpus);
        return pairs.ConvertAll(pair =>
            (pair, tests.GetValueOrDefault(pair.Image), (byte[]?)maker.Original(reader.ReadRows(pair.Sample, 1).Single().Image.Span).Jpeg)
        );
    }

    private const int PerceptualHashSide = DataPipeline.Selection.PerceptualHash.Side;
}
