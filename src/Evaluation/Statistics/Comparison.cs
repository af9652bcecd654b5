using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.Evaluation.Statistics;

/// <summary>How much better or worse a model is than another on the same images.</summary>
/// <param name="Set">The set.</param>
/// <param name="Task">As in <see cref="ResultRow"/>.</param>
/// <param name="Metric">The share that is compared.</param>
/// <param name="Class">The class whose images alone are compared; null for all.</param>
/// <param name="First">That of the first model.</param>
/// <param name="Second">That of the second model.</param>
/// <param name="Difference">The second's less the first's.</param>
/// <param name="Range">95% interval of the difference.</param>
/// <param name="P">McNemar's exact test.</param>
/// <param name="N">Number of images or queries.</param>
public sealed record Comparison(
    string Set,
    string Task,
    string Metric,
    string? Class,
    double First,
    double Second,
    double Difference,
    Interval Range,
    double P,
    long N
)
{
    /// <summary>Compares two models' answers, image by image.</summary>
    /// <exception cref="CorpusException">There are other numbers of answers.</exception>
    public static Comparison Of(Answers first, Answers second)
    {
        var (a, b) = (first.IsRight, second.IsRight);
        if (a.Count != b.Count)
            throw new CorpusException(
                $"Evaluation set '{first.Set}': one model was measured on {a.Count} images or queries, the other on {b.Count}. Remove "
                    + "what one of them cannot read."
            );
        var pairs = a.Zip(b).ToList();
        var (firstOnly, secondOnly) = (pairs.Count(pair => pair is (true, false)), pairs.Count(pair => pair is (false, true)));
        return new Comparison(
            first.Set,
            first.Task,
            first.Metric,
            first.Class,
            Share(a),
            Share(b),
            Share(b) - Share(a),
            Interval.OfDifference(firstOnly, secondOnly, pairs.Count),
            PairedTest.McNemar(firstOnly, secondOnly),
            pairs.Count
        );
    }

    private static double Share(IReadOnlyList<bool> outcomes) => outcomes.Count(isRight => isRight) / (double)outcomes.Count;
}

/// <summary>A model's answers on a set.</summary>
/// <param name="Set">The set.</param>
/// <param name="Task">As in <see cref="ResultRow"/>.</param>
/// <param name="Metric">The share that they make up.</param>
/// <param name="Class">The class whose images they are of; null for all.</param>
/// <param name="IsRight">A truth value an image or query.</param>
public sealed record Answers(string Set, string Task, string Metric, string? Class, IReadOnlyList<bool> IsRight);
