namespace ClipTrain.Trainer.Tests;

internal static class Norms
{
    /// <summary>
    /// Asserts that two gradients of a model differ by at most 1e-6 of their norm over all parameters, and by at most
    /// 5e-6 in any one tensor: what is left is the rounding of fp32 sums in another order.
    /// </summary>
    public static void AssertSameGradients(IReadOnlyDictionary<string, float[]> expected, IReadOnlyDictionary<string, float[]> actual)
    {
        var names = expected.Keys.Order(StringComparer.Ordinal).ToArray();
        var whole = RelativeDifference([.. names.SelectMany(name => actual[name])], [.. names.SelectMany(name => expected[name])]);
        Assert.True(whole <= 1e-6, $"the whole gradient: {whole:E2}");
        foreach (var name in names)
        {
            var difference = RelativeDifference(actual[name], expected[name]);
            Assert.True(difference <= 5e-6, $"{name}: {difference:E2}");
        }
    }

    /// <summary>‖a − b‖ / ‖b‖.</summary>
    public static double RelativeDifference(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Assert.Equal(b.Length, a.Length);
        double difference = 0, norm = 0;
        for (var i = 0; i < a.Length; i++)
        {
            difference += Math.Pow((double)a[i] - b[i], 2);
            norm += Math.Pow(b[i], 2);
        }

        return norm == 0 ? Math.Sqrt(difference) : Math.Sqrt(difference / norm);
    }
}
