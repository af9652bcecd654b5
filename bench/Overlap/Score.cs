using ClipTrain.Evaluation.Overlap;

namespace ClipTrain.Bench.Overlap;

/// <summary>How many planted copies a search finds at a threshold.</summary>
/// <param name="Precision">Share of the images within the threshold whose nearest corpus image is their own copy.</param>
/// <param name="Recall">Share of the planted copies that are found: nearest to their image, and within the threshold.</param>
/// <param name="ByKind">The recall of each kind of copy.</param>
internal sealed record Score(double Precision, double Recall, IReadOnlyList<double> ByKind)
{
    /// <param name="nearest">Result of the search.</param>
    /// <param name="planted">For each planted copy, the image and the kind of the copy, by sample index.</param>
    /// <param name="maxDistance">The threshold.</param>
    public static Score Of(
        IReadOnlyList<NearestImage> nearest,
        IReadOnlyDictionary<long, (int Image, string Kind)> planted,
        double maxDistance
    )
    {
        var near = nearest.Where(pair => pair.Distance <= maxDistance).ToList();
        var found = near.Where(pair => planted.TryGetValue(pair.Sample, out var copy) && copy.Image == pair.Image).ToList();
        return new Score(
            near.Count == 0 ? double.NaN : found.Count / (double)near.Count,
            found.Count / (double)planted.Count,
            [
                .. PlantedCopies.Kinds.Select(kind =>
                    found.Count(pair => planted[pair.Sample].Kind == kind) / (double)planted.Values.Count(copy => copy.Kind == kind)
                ),
            ]
        );
    }
}
