using MathNet.Numerics.Distributions;

namespace ClipTrain.Evaluation.Statistics;

/// <summary>Tests of two models on the same images, where each image is right or wrong for each.</summary>
public static class PairedTest
{
    /// <summary>
    /// The exact test of McNemar (1947), two-sided: the probability of so uneven a split of the images on which two equally
    /// good models differ. 1 where they never differ.
    /// </summary>
    /// <param name="firstOnly">Images that the first alone has right.</param>
    /// <param name="secondOnly">Images that the second alone has right.</param>
    public static double McNemar(int firstOnly, int secondOnly) =>
        Math.Min(1, 2 * Binomial.CDF(0.5, firstOnly + secondOnly, Math.Min(firstOnly, secondOnly)));

    /// <summary>
    /// p values of tests made together, adjusted so that no false one among them is found in 95 of 100 cases (Holm 1979).
    /// </summary>
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
