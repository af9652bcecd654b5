using System.ComponentModel;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Probes;

/// <summary>A published protocol for linear probes.</summary>
public enum ProbeProtocol
{
    Paper,
    Readme,
    ClipBenchmark,
}

[Description("Training of linear probes.")]
public sealed record ProbeOptions
{
    [Description(
        "paper: features before the projection, strength searched on validation images, refit on both; readme: embeddings, C = 0.316; "
            + "clip_benchmark: unit embeddings, AdamW, weight decay searched."
    )]
    public ProbeProtocol Protocol { get; init; }
}

/// <summary>Result of a linear probe.</summary>
/// <param name="Rows">The figures.</param>
/// <param name="C">Inverse strength of the penalty, or the weight decay of clip_benchmark.</param>
/// <param name="Tried">The tried strengths.</param>
/// <param name="Predictions">Prediction of each test image.</param>
public sealed record ProbeResult(
    IReadOnlyList<ResultRow> Rows,
    double C,
    IReadOnlyList<TriedStrength> Tried,
    IReadOnlyList<Prediction> Predictions
);

/// <summary>Linear probes with published protocols.</summary>
public static class LinearProbe
{
    /// <summary>The paper's value, also used in the README.</summary>
    public const int MaxIterations = 1000;

    /// <summary>C of the example in openai/CLIP's README.</summary>
    private const double ReadmeC = 0.316;

    /// <summary>The search only needs the accuracy, which varies far less than the objective.</summary>
    private const double SearchTolerance = 1e-3,
        FinalTolerance = 1e-6;

    public static ProbeResult Run(string set, ProbeOptions options, ProbeData data) =>
        options.Protocol switch
        {
            ProbeProtocol.Readme => Readme(set, data),
            ProbeProtocol.ClipBenchmark => AdamWProbe.Run(set, data),
            _ => Paper(set, data),
        };

    /// <summary>Chooses C with the paper's search on validation images.</summary>
    internal static (double Best, IReadOnlyList<TriedStrength> Tried) Search(
        Matrix train,
        int[] labels,
        Matrix validation,
        int[] validationLabels,
        int classes
    )
    {
        using var regression = new LogisticRegression(train, labels, classes);
        // Start each fit from the weights of the nearest stronger penalty, which are closer than zeros.
        var fitted = new SortedList<double, double[]>();
        return StrengthSearch.Run(c =>
        {
            var start = fitted.Where(entry => entry.Key < c).Select(entry => entry.Value).LastOrDefault();
            var classifier = regression.Fit(c, MaxIterations, SearchTolerance, start);
            fitted[c] = classifier.Weights;
            return Share(Predict(classifier, validation, validationLabels, classes));
        });
    }

    internal static IReadOnlyList<Prediction> Predict(LinearClassifier classifier, Matrix features, int[] labels, int classes)
    {
        using var scores_nc = LogisticRegression.Scores(classifier, features, classes);
        return ZeroShotClassifier.FromScores(scores_nc, Array.ConvertAll(labels, label => (long)label), logitScale: 1);
    }

    internal static double Share(IReadOnlyList<Prediction> predictions) =>
        predictions.Count(prediction => prediction.Before == 0) / (double)predictions.Count;

    internal static IReadOnlyList<ResultRow> Rows(string set, string task, IReadOnlyList<Prediction> predictions, int classes, long? seed)
    {
        var figures = Classification.Of(predictions, classes);
        return
        [
            ResultRow.Of(set, task, "top1", figures.Top1, figures.Top1Interval, predictions.Count, seed),
            ResultRow.Of(
                set,
                task,
                "mean_per_class",
                figures.MeanPerClass,
                figures.MeanPerClassInterval,
                predictions.Count,
                seed ?? Bootstrap.Seed
            ),
            ResultRow.Of(set, task, "macro_f1", figures.MacroF1, figures.MacroF1Interval, predictions.Count, seed ?? Bootstrap.Seed),
            ResultRow.Of(
                set,
                task,
                "calibration_error",
                figures.CalibrationError,
                figures.CalibrationErrorInterval,
                predictions.Count,
                seed ?? Bootstrap.Seed
            ),
        ];
    }

    private static ProbeResult Paper(string set, ProbeData data)
    {
        var (best, tried) = Search(data.Train.Features, data.Train.Labels, data.Validation.Features, data.Validation.Labels, data.Classes);
        var all = data.Train.With(data.Validation);
        using var regression = new LogisticRegression(all.Features, all.Labels, data.Classes);
        return Result(set, "probe", data, regression.Fit(best, MaxIterations, FinalTolerance), data.Test.Features, best, tried);
    }

    private static ProbeResult Readme(string set, ProbeData data)
    {
        var all = data.Train.With(data.Validation);
        using var regression = new LogisticRegression(all.Embeddings, all.Labels, data.Classes);
        return Result(set, "probe readme", data, regression.Fit(ReadmeC, MaxIterations, FinalTolerance), data.Test.Embeddings, ReadmeC, []);
    }

    private static ProbeResult Result(
        string set,
        string task,
        ProbeData data,
        LinearClassifier classifier,
        Matrix test,
        double c,
        IReadOnlyList<TriedStrength> tried
    )
    {
        var predictions = Predict(classifier, test, data.Test.Labels, data.Classes);
        return new ProbeResult(Rows(set, task, predictions, data.Classes, data.Seed), c, tried, predictions);
    }
}
