using ClipTrain.Trainer.Distributed;

namespace ClipTrain.Trainer.Parameters;

/// <summary>
/// Cuts the gradient buffer into buckets that are reduced during backward. The cuts depend only on the model, because they affect
/// the rounding of sums over three or more ranks.
/// </summary>
public static class GradientBuckets
{
    /// <summary>
    /// 16 MiB: large enough that latency is negligible, small enough that most buckets are reduced before backward ends.
    /// </summary>
    private const long MaxElements = 1 << 22;

    /// <summary>
    /// The buckets in the order in which they become complete. Backward runs from the last layer to the first, which is from the
    /// end of a part to its start, and through the text tower before the image tower. Parts after the first contain a few values of
    /// every layer, so they are complete only at the end.
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
