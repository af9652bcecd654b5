namespace ClipTrain.Trainer.Tests;

internal static class Norms
{
    /// <summary>
    /// Asserts that two gradients of a model differ by at most 1e-6 of their norm over all parameters, and by at most 5e-6 in any
    /// tensor, which allows for fp32 sums in another order. A tensor whose gradient is zero except for rounding, such as a bias
    /// that softmax ignores, is compared with the norm of the whole gradient.
    /// </summary>
    /// <param name="rounding">Factor on the tolerance, for models that round more.</param>
    /// <param name="cancelling">A tensor whose gradient is a small difference of large numbers, and rounds as those do: it counts in
    /// the whole gradient only.</param>
    public static void AssertSameGradients(
        IReadOnlyDictionary<string, float[]> expected,
        IReadOnlyDictionary<string, float[]> actual,
        double rounding = 1,
        string? cancelling = null
    )
    {
        var names = expected.Keys.Order(StringComparer.Ordinal).ToArray();
        var whole = RelativeDifference([.. names.SelectMany(name => actual[name])], [.. names.SelectMany(name => expected[name])]);
        Assert.True(whole <= 1e-6 * rounding, $"the whole gradient: {whole:E2}");
        var norm = Norm([.. names.SelectMany(name => expected[name])]);
        foreach (var name in names.Where(name => name != cancelling))
        {
            var difference = RelativeDifference(actual[name], expected[name]);
            var share = Norm(expected[name]) / norm;
            Assert.True(difference <= 5e-6 * rounding || difference * share <= 1e-8, $"{name}: {difference:E2} of a share of {share:E2}");
        }
    }

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));

    /// <summary>‖a − b‖ / ‖b‖.</summary>
    public static double RelativeDifference(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Assert.Equal(b.Length, a.Length);
        double difference = 0,
            norm = 0;
        for (var i = 0; i < a.Length; i++)
        {
            difference += Math.Pow((double)a[i] - b[i], 2);
            norm += Math.Pow(b[i], 2);
        }

        return norm == 0 ? Math.Sqrt(difference) : Math.Sqrt(difference / norm);
    }
}
