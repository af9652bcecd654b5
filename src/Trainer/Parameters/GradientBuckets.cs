using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;

namespace ClipTrain.Trainer.Parameters;

/// <summary>
/// Cuts the gradient buffer into the parts that are reduced while backward computes others. The cuts depend on the model
/// alone: sums over three and more ranks depend on them by rounding.
/// </summary>
public static class GradientBuckets
{
    /// <summary>16 MiB: enough that latency does not count, few enough that most are away before backward ends.</summary>
    private const long MaxElements = 1 << 22;

    /// <summary>
    /// The buckets, the first to be complete first. Backward goes from the last layer to the first, as a part from its end to
    /// its start does, and through the text tower before the image tower. Parts after the first hold a few values of every
    /// layer, so that they are complete only in the end.
    /// </summary>
    public static GradientBucket[] Of(IReadOnlyList<FlatSlice> parts) => [.. parts.SelectMany(Cut)];

    private static IEnumerable<GradientBucket> Cut(FlatSlice part)
    {
        for (var end = part.End; end > part.Offset; end -= MaxElements)
        {
            var start = Math.Max(part.Offset, end - MaxElements);
            yield return new GradientBucket(start, end - start);
        }
    }
}
