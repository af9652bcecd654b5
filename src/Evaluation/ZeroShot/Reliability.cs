using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>Images whose confidence lies in one bin.</summary>
/// <param name="Images">Number of images.</param>
/// <param name="Confidence">Mean probability of the predicted class.</param>
/// <param name="Right">Number of correct images.</param>
public sealed record ReliabilityBin(long Images, double Confidence, long Right);

/// <summary>
/// Confidence against accuracy in 15 equal bins, the k-th of (k/15, (k+1)/15] (Guo et al. 2017, arXiv 1706.04599, section 2).
/// </summary>
/// <param name="Bins">All bins, including empty ones.</param>
/// <param name="Error">Expected calibration error: mean distance between confidence and accuracy over images.</param>
public sealed record Reliability(IReadOnlyList<ReliabilityBin> Bins, double Error)
{
    private const int BinCount = 15;

    private IReadOnlyList<Prediction> Predictions { get; init; } = [];

    public static Reliability Of(IReadOnlyList<Prediction> predictions)
    {
        var (images, sums, right) = (new long[BinCount], new double[BinCount], new long[BinCount]);
        foreach (var prediction in predictions)
        {
            if (double.IsNaN(prediction.Confidence))
            {
                return new Reliability([], double.NaN);
            }

            var bin = Bin(prediction);
            images[bin]++;
            sums[bin] += prediction.Confidence;
            right[bin] += prediction.Before == 0 ? 1 : 0;
        }

        var error = sums.Zip(right, (sum, hits) => Math.Abs(sum - hits)).Sum() / predictions.Count;
        return new Reliability(
            [.. images.Select((count, bin) => new ReliabilityBin(count, count == 0 ? double.NaN : sums[bin] / count, right[bin]))],
            error
        )
        {
            Predictions = predictions,
        };
    }

    /// <summary>
    /// 95% interval by bootstrap over images. Absolute values bias the error of a sample upwards, and that of a resample by about as
    /// much again, so the interval is reflected (Davison and Hinkley 1997, section 5.2).
    /// </summary>
    public Interval ErrorInterval()
    {
        if (Bins.Count == 0)
        {
            return new Interval(double.NaN, double.NaN);
        }

        int[] bins = [.. Predictions.Select(Bin)];
        double[] gaps = [.. Predictions.Select(prediction => prediction.Confidence - (prediction.Before == 0 ? 1 : 0))];
        var drawn = Bootstrap.Intervals(
            Predictions.Count,
            times =>
            {
                Span<double> sums = stackalloc double[BinCount];
                sums.Clear();
                for (var i = 0; i < times.Length; i++)
                {
                    sums[bins[i]] += times[i] * gaps[i];
                }

                var sum = 0.0;
                foreach (var gap in sums)
                {
                    sum += Math.Abs(gap);
                }

                return [sum / times.Length];
            }
        )[0];
        return new Interval(Math.Max(0, (2 * Error) - drawn.High), Math.Max(0, (2 * Error) - drawn.Low));
    }

    private static int Bin(Prediction prediction) => Math.Clamp((int)Math.Ceiling(prediction.Confidence * BinCount) - 1, 0, BinCount - 1);
}
