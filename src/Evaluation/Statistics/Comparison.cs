using ClipTrain.DataPipeline.Corpus;
using MathNet.Numerics.Distributions;

namespace ClipTrain.Evaluation.Statistics;

/// <summary>Difference between two models on the same images.</summary>
/// <param name="Set">The set.</param>
/// <param name="Task">As in <see cref="ResultRow"/>.</param>
/// <param name="Metric">The compared metric.</param>
/// <param name="Class">Restricts the comparison to images of this class; null for all.</param>
/// <param name="First">Value of the first model.</param>
/// <param name="Second">Value of the second model.</param>
/// <param name="Difference">Second minus first.</param>
/// <param name="Range">95% interval of the difference.</param>
/// <param name="P">p-value of McNemar's exact test.</param>
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
    /// <exception cref="CorpusException">The numbers of answers differ.</exception>
    public static Comparison Of(Answers first, Answers second)
    {
        var (a, b) = (first.IsRight, second.IsRight);
        if (a.Count != b.Count)
        {
            throw new CorpusException(
                $"Evaluation set '{first.Set}': one model was measured on {a.Count} images or queries, the other on {b.Count}. Remove "
                    + "the ones that one model cannot read."
            );
        }

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
/// <param name="Metric">The metric of which they are the outcomes.</param>
/// <param name="Class">The class of the images; null for all.</param>
/// <param name="IsRight">True for each correct image or query.</param>
public sealed record Answers(string Set, string Task, string Metric, string? Class, IReadOnlyList<bool> IsRight);

/// <summary>Tests that compare two models on the same images.</summary>
public static class PairedTest
{
    /// <summary>
    /// The two-sided exact test of McNemar (1947): the probability that two equally good models differ at least as unevenly. 1 if they
    /// never differ.
    /// </summary>
    /// <param name="firstOnly">Images that only the first classifies correctly.</param>
    /// <param name="secondOnly">Images that only the second classifies correctly.</param>
    public static double McNemar(int firstOnly, int secondOnly) =>
        Math.Min(1, 2 * Binomial.CDF(0.5, firstOnly + secondOnly, Math.Min(firstOnly, secondOnly)));

    /// <summary>Holm's correction (1979) of p-values, which controls the family-wise error rate.</summary>
    public static IReadOnlyList<double> Holm(IReadOnlyList<double> values)
    {
        var adjusted = new double[values.Count];
        var largest = 0.0;
        foreach (var (place, test) in Enumerable.Range(0, values.Count).OrderBy(test => values[test]).Index())
        {
            largest = Math.Max(largest, Math.Min(1, values[test] * (values.Count - place)));
            adjusted[test] = largest;
        }

        return adjusted;
    }
}
