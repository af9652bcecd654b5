using System.Numerics;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>A test image and the nearest image of the training corpus.</summary>
/// <param name="Image">Number of the test image.</param>
/// <param name="Corpus">Number of the nearest corpus image, as <see cref="CorpusHashes"/> counts them.</param>
/// <param name="Distance">Bits of 64 in which their perceptual hashes differ.</param>
public sealed record NearestImage(int Image, int Corpus, int Distance);

/// <summary>What a search for overlap gave.</summary>
/// <param name="Options">The search.</param>
/// <param name="Nearest">For each test image the nearest one of the corpus.</param>
/// <param name="Rows">The figures.</param>
/// <param name="P">One-tailed p value of the overlap's accuracy under the clean images' one; null without zero-shot.</param>
public sealed record OverlapResult(OverlapOptions Options, IReadOnlyList<NearestImage> Nearest, IReadOnlyList<ResultRow> Rows, double? P)
{
    /// <summary>The p value with Bonferroni's correction for all sets that were searched.</summary>
    public double? BonferroniP { get; init; }

    /// <summary>The 99.5% interval of the overlap's accuracy.</summary>
    public Interval PaperInterval { get; init; }

    /// <summary>JPEGs of the pairs around the threshold, test image and corpus image.</summary>
    public IReadOnlyList<(NearestImage Pair, byte[]? Test, byte[]? Corpus)> Sheet { get; init; } = [];
}

/// <summary>
/// The CLIP paper's analysis of overlap (section 5, appendix C): test images with a near-duplicate in the training corpus are the
/// Overlap, the others Clean. Reported are both accuracies, what the overlap adds to that of all, the one-tailed binomial test of
/// the overlap with the clean accuracy as its null, and the 99.5% Clopper-Pearson interval.
/// </summary>
public static class OverlapEvaluation
{
    private const double PaperConfidence = 0.995;

    /// <param name="options">The search.</param>
    /// <param name="test">The test images' hashes.</param>
    /// <param name="corpus">The corpus images' hashes.</param>
    /// <param name="right">For each test image whether zero-shot classifies it rightly; null for one without a label. Null without
    /// zero-shot.</param>
    public static OverlapResult Run(
        OverlapOptions options,
        IReadOnlyList<ulong> test,
        IReadOnlyList<ulong> corpus,
        IReadOnlyList<bool?>? right
    )
    {
        var nearest = Nearest(test, corpus);
        var overlap = nearest.Where(pair => pair.Distance <= options.Threshold).Select(pair => pair.Image).ToHashSet();
        ResultRow Row(string metric, double value, Interval interval, long n) =>
            ResultRow.Of(options.Set, "overlap", metric, value, interval, n);
        var rows = new List<ResultRow>
        {
            Row("overlap_share", overlap.Count / (double)test.Count, BinomialTest.ClopperPearson(overlap.Count, test.Count), test.Count),
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
                rows.Add(Row("accuracy_clean", Share(clean), BinomialTest.ClopperPearson(clean.Right, clean.Of), clean.Of));
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
                        "overlap",
                        "all_minus_clean",
                        Share(all) - Share(clean),
                        Low: null,
                        High: null,
                        all.Of,
                        Seed: null
                    )
                );
                rows.Add(new ResultRow(options.Set, "overlap", "p_value", p.Value, Low: null, High: null, inOverlap.Of, Seed: null));
            }
        }

        return new OverlapResult(options, nearest, rows, p) { PaperInterval = paper };
    }

    /// <summary>The nearest corpus image of each test image, by brute force: a comparison is one instruction.</summary>
    public static IReadOnlyList<NearestImage> Nearest(IReadOnlyList<ulong> test, IReadOnlyList<ulong> corpus)
    {
        var nearest = new NearestImage[test.Count];
        ulong[] hashes = [.. corpus];
        Parallel.For(
            0,
            test.Count,
            i =>
            {
                var (best, distance) = (-1, int.MaxValue);
                for (var j = 0; j < hashes.Length; j++)
                {
                    var bits = BitOperations.PopCount(test[i] ^ hashes[j]);
                    if (bits < distance)
                        (best, distance) = (j, bits);
                }

                nearest[i] = new NearestImage(i, best, distance);
            }
        );
        return nearest;
    }

    private static (int Right, int Of) Count(IReadOnlyList<bool?> right, Func<int, bool> isCounted)
    {
        var counted = right.Index().Where(image => image.Item is not null && isCounted(image.Index)).ToList();
        return (counted.Count(image => image.Item == true), counted.Count);
    }

    private static double Share((int Right, int Of) counts) => counts.Of == 0 ? double.NaN : counts.Right / (double)counts.Of;
}
