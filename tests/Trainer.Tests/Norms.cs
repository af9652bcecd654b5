namespace ClipTrain.Trainer.Tests;

internal static class Norms
{
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
