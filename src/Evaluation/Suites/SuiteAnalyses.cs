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
    /// <param name="set">The set's images.</param>
    /// <param name="images">Their hashes, labels and rows.</param>
    /// <param name="zeroShot">Zero-shot result of the set; null if not measured.</param>
    /// <param name="progress">Receives the number of finished corpus images and the total.</param>
    public static OverlapResult Overlap(
        OverlapOptions options,
        IImageSet set,
        IReadOnlyList<SetImage> images,
        ZeroShotResult? zeroShot,
        Action<long, long> progress
    )
    {
        var corpus = CorpusHashes.Of(options.Corpus, progress);
        bool?[]? right = null;
        if (zeroShot is { Predictions.Count: > 0 })
        {
            right = new bool?[images.Count];
            foreach (var (place, image) in zeroShot.Images.Index().Select(entry => (entry.Index, entry.Item)))
            {
                right[image] = zeroShot.Predictions[place].Before == 0;
            }
        }

        var result = OverlapEvaluation.Run(options, [.. images.Select(image => image.Hash)], corpus.Hashes, right);
        return result with { Sheet = Sheet(result, set, images, corpus) };
    }

    /// <summary>The pairs nearest to the threshold on both sides, for inspection.</summary>
    private static List<(NearestImage Pair, byte[]? Test, byte[]? Corpus)> Sheet(
        OverlapResult result,
        IImageSet set,
        IReadOnlyList<SetImage> images,
        CorpusHashes corpus
    )
    {
        var below = result
            .Nearest.Where(pair => pair.Distance <= result.Options.Threshold)
            .OrderByDescending(pair => pair.Distance)
            .Take(SheetPairs / 2);
        var above = result
            .Nearest.Where(pair => pair.Distance > result.Options.Threshold)
            .OrderBy(pair => pair.Distance)
            .Take(SheetPairs / 2);
        var pairs = below.Concat(above).OrderBy(pair => pair.Distance).ThenBy(pair => pair.Image).ToList();
        var tests = Pictures.Of(set, images, pairs.Select(pair => pair.Image));
        using var maker = new PictureMaker(new ImageTransformOptions(PerceptualHashSide));
        using var reader = new DataPipeline.Corpus.CorpusReader(corpus.Corpus);
        return pairs.ConvertAll(pair =>
            (
                pair,
                tests.GetValueOrDefault(pair.Image),
                (byte[]?)maker.Original(reader.ReadRows(corpus.Samples[pair.Corpus], 1).Single().Image.Span).Jpeg
            )
        );
    }

    private const int PerceptualHashSide = DataPipeline.Selection.PerceptualHash.Side;
}
