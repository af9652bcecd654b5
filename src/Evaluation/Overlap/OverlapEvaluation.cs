using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>Result of a search for overlap.</summary>
/// <param name="Options">The search.</param>
/// <param name="Nearest">The nearest corpus image of each test image.</param>
/// <param name="Rows">The figures.</param>
/// <param name="P">One-tailed p-value of the accuracy on the overlap, given that on the clean images; null without zero-shot.</param>
public sealed record OverlapResult(OverlapOptions Options, IReadOnlyList<NearestImage> Nearest, IReadOnlyList<ResultRow> Rows, double? P)
{
    /// <summary>True for a pair that counts as overlap.</summary>
    public bool IsOverlap(NearestImage pair) => pair.Distance <= Options.MaxDistance();

    /// <summary>The p-value with Bonferroni's correction for all sets.</summary>
    public double? BonferroniP { get; init; }

    /// <summary>The 99.5% interval of the accuracy on the overlap.</summary>
    public Interval PaperInterval { get; init; }

    /// <summary>JPEGs of test and corpus images of the pairs around the threshold.</summary>
    public IReadOnlyList<(NearestImage Pair, byte[]? Test, byte[]? Corpus)> Sheet { get; init; } = [];
}

/// <summary>
/// The CLIP paper's overlap analysis (section 5, appendix C). Test images with a near-duplicate in the training corpus form the overlap,
/// the others are clean. Reports both accuracies, the difference between all and clean images, the one-tailed binomial test of the
/// overlap against the clean accuracy, and the 99.5% Clopper-Pearson interval.
/// </summary>
public static class OverlapEvaluation
{
    private const double PaperConfidence = 0.995;

    /// <param name="options">The search.</param>
    /// <param name="nearest">The nearest corpus image of each test image.</param>
    /// <param name="right">True for each test image that zero-shot classifies correctly; null for an image without a label. Null without
    /// zero-shot.</param>
    public static OverlapResult Run(OverlapOptions options, IReadOnlyList<NearestImage> nearest, IReadOnlyList<bool?>? right)
    {
        var overlap = nearest.Where(pair => pair.Distance <= options.MaxDistance()).Select(pair => pair.Image).ToHashSet();
        ResultRow Row(string metric, double value, Interval interval, long n) =>
            ResultRow.Of(options.Set, options.Task(), metric, value, interval, n);
        var rows = new List<ResultRow>
        {
            Row(
                "overlap_share",
                overlap.Count / (double)nearest.Count,
                BinomialTest.ClopperPearson(overlap.Count, nearest.Count),
                nearest.Count
            ),
        };
        double? p = null;
        var paper = new Interval(0, 1);
        if (right is not null)
        {
            var (all, inOverlap, clean) = (
                Count(right, _ => true),
                Count(right, overlap.Contains),
                Count(right, image => !overlap.Contains(image))
            );
            rows.Add(Row("accuracy_all", Share(all), BinomialTest.ClopperPearson(all.Right, all.Of), all.Of));
            if (clean.Of > 0)
            {
                rows.Add(Row("accuracy_clean", Share(clean), BinomialTest.ClopperPearson(clean.Right, clean.Of), clean.Of));
            }

            if (inOverlap.Of > 0 && clean.Of > 0)
            {
                p = BinomialTest.AtLeast(inOverlap.Right, inOverlap.Of, Share(clean));
                rows.Add(
                    Row("accuracy_overlap", Share(inOverlap), BinomialTest.ClopperPearson(inOverlap.Right, inOverlap.Of), inOverlap.Of)
                );
                paper = BinomialTest.ClopperPearson(inOverlap.Right, inOverlap.Of, PaperConfidence);
                rows.Add(
                    new ResultRow(
                        options.Set,
                        options.Task(),
                        "all_minus_clean",
                        Share(all) - Share(clean),
                        Low: null,
                        High: null,
                        all.Of,
                        Seed: null
                    )
                );
                rows.Add(new ResultRow(options.Set, options.Task(), "p_value", p.Value, Low: null, High: null, inOverlap.Of, Seed: null));
            }
        }

        return new OverlapResult(options, nearest, rows, p) { PaperInterval = paper };
    }

    internal static CorpusException NoImages(CorpusManifest corpus) =>
        new($"{corpus.Files[0].Path}: the training corpus has no decodable images.");

    private static (int Right, int Of) Count(IReadOnlyList<bool?> right, Func<int, bool> isCounted)
    {
        var counted = right.Index().Where(image => image.Item is not null && isCounted(image.Index)).ToList();
        return (counted.Count(image => image.Item == true), counted.Count);
    }

    private static double Share((int Right, int Of) counts) => counts.Of == 0 ? double.NaN : counts.Right / (double)counts.Of;
}
