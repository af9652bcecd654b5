using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>Result of zero-shot classification on a set.</summary>
/// <param name="Set">The set's name.</param>
/// <param name="Classes">Names of its classes.</param>
/// <param name="Rows">The figures.</param>
/// <param name="Images">Indices of the labelled images in the set, one per prediction.</param>
/// <param name="Predictions">Prediction of each labelled image.</param>
public sealed record ZeroShotResult(
    string Set,
    IReadOnlyList<string> Classes,
    IReadOnlyList<ResultRow> Rows,
    IReadOnlyList<int> Images,
    IReadOnlyList<Prediction> Predictions
);

/// <summary>Measures zero-shot classification with all figures that a set's options request.</summary>
public static class ZeroShotEvaluation
{
    private const string Task = "zero_shot";

    /// <summary>CLIP_benchmark's minimum: with fewer classes top-5 is trivial.</summary>
    private const int ClassesForTop5 = 6;

    /// <param name="model">The model.</param>
    /// <param name="set">Options of the set.</param>
    /// <param name="embedded">Its images.</param>
    /// <param name="classes">Its classes.</param>
    /// <param name="prompts">The prompts of each class.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">No image has a label, or the model embeds no texts.</exception>
    public static ZeroShotResult Run(
        IEvaluatedModel model,
        SetOptions set,
        EmbeddedSet embedded,
        ClassList classes,
        IReadOnlyList<IReadOnlyList<string>> prompts
    )
    {
        if (!model.HasTexts)
        {
            throw SetError.Of(set.Name, $"{model.Name} embeds no texts, and zero-shot needs them; give tasks: [probe].");
        }

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var several = set.LabelSeparator is null ? null : classes.SeveralOf(embedded.Images);
        var labels = several is null ? classes.Of(embedded.Images) : [.. several.Select(own => own.Length == 0 ? -1 : own[0])];
        int[] used = [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] >= 0)];
        if (used.Length == 0)
        {
            throw SetError.Of(set.Name, "no image has a label of its classes.");
        }

        var images = used.Length == labels.Length ? embedded.Embeddings : embedded.Embeddings.Select(used);
        long[] right = [.. used.Select(i => (long)labels[i])];
        var texts = model.EncodeTexts([.. prompts.SelectMany(own => own)]);
        var (ensemble_cD, first_cD) = ClassEmbeddings(texts, prompts);
        var predictions = ZeroShotClassifier.Predict(images.View(), ensemble_cD, right, model.LogitScale);
        var rows = new List<ResultRow>();
        if (several is null)
        {
            rows.AddRange(Accuracies(set, classes.Count, predictions));
        }

        if (several is null && prompts.Any(own => own.Count > 1))
        {
            rows.Add(EnsembleGain(set.Name, predictions, ZeroShotClassifier.Predict(images.View(), first_cD, right, model.LogitScale)));
        }

        if (set.GroupColumn is not null)
        {
            rows.Add(WorstGroup(set.Name, [.. used.Select(i => embedded.Images[i].Attributes[^1])], predictions));
        }

        if (several is not null || set.Metric is MainMetric.Map11 or MainMetric.RocAuc || classes.Count == 2)
        {
            rows.AddRange(Ranked(set.Name, images, ensemble_cD, i => several?[used[i]] ?? [labels[used[i]]]));
        }

        return new ZeroShotResult(set.Name, classes.Names, rows, used, several is null ? predictions : []);
    }

    /// <summary>Unit embeddings of the classes, from all prompts and from each class's first prompt.</summary>
    private static (Tensor Ensemble_cD, Tensor First_cD) ClassEmbeddings(Tensor texts_tD, IReadOnlyList<IReadOnlyList<string>> prompts)
    {
        var (means, firsts, start) = (new List<Tensor>(), new List<Tensor>(), 0L);
        foreach (var own in prompts)
        {
            means.Add(ZeroShotClassifier.ClassEmbeddings(texts_tD.narrow(0, start, own.Count).unsqueeze(0)));
            firsts.Add(texts_tD.narrow(0, start, 1));
            start += own.Count;
        }

        return (cat([.. means], 0), cat([.. firsts], 0).contiguous());
    }

    private static IEnumerable<ResultRow> Accuracies(SetOptions set, int classes, IReadOnlyList<Prediction> predictions)
    {
        var figures = Classification.Of(predictions, classes);
        ResultRow Row(string metric, double value, Interval interval, long? seed = null) =>
            ResultRow.Of(set.Name, Task, metric, value, interval, predictions.Count, seed);
        yield return Row("top1", figures.Top1, figures.Top1Interval);
        if (classes >= ClassesForTop5)
        {
            yield return Row("top5", figures.Top5, figures.Top5Interval);
        }

        yield return Row("mean_per_class", figures.MeanPerClass, figures.MeanPerClassInterval, Bootstrap.Seed);
        yield return Row("macro_f1", figures.MacroF1, figures.MacroF1Interval, Bootstrap.Seed);
        yield return Row("worst_class", figures.WorstClass, figures.WorstClassInterval);
        yield return Row("calibration_error", figures.CalibrationError, figures.CalibrationErrorInterval, Bootstrap.Seed);
    }

    private static ResultRow EnsembleGain(string set, IReadOnlyList<Prediction> ensemble, IReadOnlyList<Prediction> first)
    {
        var pairs = ensemble.Zip(first, (a, b) => (All: a.Before == 0, One: b.Before == 0)).ToList();
        var (gained, lost) = (pairs.Count(pair => pair is (true, false)), pairs.Count(pair => pair is (false, true)));
        return ResultRow.Of(
            set,
            Task,
            "ensemble_gain",
            (gained - lost) / (double)pairs.Count,
            Interval.OfDifference(lost, gained, pairs.Count),
            pairs.Count
        );
    }

    private static ResultRow WorstGroup(string set, IReadOnlyList<string?> groups, IReadOnlyList<Prediction> predictions)
    {
        var worst = groups
            .Zip(predictions)
            .Where(pair => pair.First is not null)
            .GroupBy(pair => pair.First, StringComparer.Ordinal)
            .Select(group => (Right: group.Count(pair => pair.Second.Before == 0), Count: group.Count()))
            .ToList();
        if (worst.Count < 2)
        {
            throw SetError.Of(
                set,
                $"group_column has {(worst.Count == 0 ? "no value" : "only one value")}: there are no groups to compare."
            );
        }

        var (right, count) = worst.MinBy(group => group.Right / (double)group.Count);
        return ResultRow.Of(set, Task, "worst_group", right / (double)count, Interval.OfProportion(right / (double)count, count), count);
    }

    private static IEnumerable<ResultRow> Ranked(string set, Matrix images, Tensor classes_cD, Func<int, int[]> labels)
    {
        var scores_nc = images.View().mm(classes_cD.t()).contiguous();
        var count = (int)classes_cD.size(0);
        var ranked = Enumerable
            .Range(0, count)
            .Select(c =>
            {
                var scores = new float[images.Rows];
                var all = scores_nc.AsSpan<float>();
                for (var i = 0; i < scores.Length; i++)
                {
                    scores[i] = all[(i * count) + c] - (count == 2 ? all[(i * count) + 1 - c] : 0);
                }

                return new RankedScores(scores, [.. Enumerable.Range(0, scores.Length).Select(i => labels(i).Contains(c))]);
            })
            .ToList();
        var map = RankedScores.MeanOf(ranked, images.Rows, (one, times) => one.AveragePrecision11(times));
        yield return ResultRow.Of(set, Task, "map_11", map.Value, map.Interval, images.Rows, Bootstrap.Seed);
        // With two classes the second is the positive one, scored by the difference of both.
        var auc = RankedScores.MeanOf(count == 2 ? [ranked[1]] : ranked, images.Rows, (one, times) => one.RocAuc(times));
        yield return ResultRow.Of(set, Task, "roc_auc", auc.Value, auc.Interval, images.Rows, Bootstrap.Seed);
    }
}
