using ClipTrain.Torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Cuts the gradient buffer into the parts that are reduced while backward computes others. The cuts depend on the model
/// alone: sums over three and more ranks depend on them by rounding.
/// </summary>
public static class GradientBuckets
{
    /// <summary>16 MiB: enough that latency does not count, few enough that most are away before backward ends.</summary>
    private const long MaxElements = 1 << 22;

    /// <summary>
    /// The buckets, the first to be complete first. Backward goes from the last layer to the first, as a range from its end to
    /// its start does, and through the text tower before the image tower. Ranges after the first hold a few values of every
    /// layer, so that they are complete only in the end.
    /// </summary>
    public static GradientBucket[] Of(IReadOnlyList<OptimizerRange> ranges) => [.. ranges.SelectMany(Cut)];

    private static IEnumerable<GradientBucket> Cut(OptimizerRange range)
    {
        for (var end = range.Offset + range.Length; end > range.Offset; end -= MaxElements)
        {
            var start = Math.Max(range.Offset, end - MaxElements);
            yield return new GradientBucket(start, end - start);
        }
    }
}
