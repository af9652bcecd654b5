using System.Text.Json.Serialization;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Retrieval;

/// <summary>
/// Recall at 1, 5 and 10 (the fraction of queries with a correct answer among the first k) and the median rank, with 95% intervals.
/// </summary>
/// <param name="R1">Recall at 1.</param>
/// <param name="R5">Recall at 5.</param>
/// <param name="R10">Recall at 10.</param>
/// <param name="MedianRank">Median rank of the best correct answer, from 1; infinite if most queries find none.</param>
/// <param name="Queries">Number of queries.</param>
public sealed record Recall(double R1, double R5, double R10, double MedianRank, long Queries)
{
    public Interval R1Interval => Interval.OfProportion(R1, Queries);

    public Interval R5Interval => Interval.OfProportion(R5, Queries);

    public Interval R10Interval => Interval.OfProportion(R10, Queries);

    public Interval MedianRankInterval { get; private init; }

    /// <summary>The rank of each query, as passed to <see cref="FromRanks"/>.</summary>
    [JsonIgnore]
    public IReadOnlyList<long> Ranks { get; private init; } = [];

    /// <summary>
    /// Computes recall from the rank of each query's best correct answer, from 0; <see cref="long.MaxValue"/> if none is found. Requires
    /// at least one query.
    /// </summary>
    public static Recall FromRanks(IReadOnlyList<long> ranks)
    {
        double[] sorted = [.. ranks.Select(rank => rank == long.MaxValue ? double.PositiveInfinity : rank + 1).Order()];
        return new Recall(
            ShareBelow(1),
            ShareBelow(5),
            ShareBelow(10),
            (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2,
            ranks.Count
        )
        {
            MedianRankInterval = Interval.OfMedian(sorted),
            Ranks = ranks,
        };

        double ShareBelow(long k) => ranks.Count(rank => rank < k) / (double)ranks.Count;
    }
}

/// <summary>
/// Recall in both directions over a split of <paramref name="Images"/> images and <paramref name="Concepts"/> distinct captions.
/// </summary>
public sealed record RetrievalResult(Recall ImageToText, Recall TextToImage, long Images, long Concepts)
{
    /// <summary>The run's loss over the split, each image with its first caption; see <see cref="HeldOutLoss"/>. Null if unknown.</summary>
    public double? Loss { get; init; }

    /// <summary>Null if the split is a single batch.</summary>
    public Interval? LossInterval { get; init; }

    /// <summary>Adds the loss of the split.</summary>
    public RetrievalResult With(HeldOutLoss loss) => this with { Loss = loss.Value, LossInterval = loss.Interval };
}

/// <summary>
/// Retrieval over a whole split. Each caption of an image is a query and a correct answer for the image. Equal captions are one concept,
/// for which each of their images is correct. Wrong answers with an equal or NaN score rank before a correct one; a query whose correct
/// answers all score NaN finds none.
/// </summary>
public static class RetrievalRanking
{
    private const long TileRows = 1024;

    /// <param name="images_nD">Unit image embeddings.</param>
    /// <param name="texts_mD">Unit embeddings of the distinct captions.</param>
    /// <param name="conceptsOfImage">For each image, the rows of its captions in <paramref name="texts_mD"/>.</param>
    public static RetrievalResult Measure(torch.Tensor images_nD, torch.Tensor texts_mD, IReadOnlyList<IReadOnlyList<long>> conceptsOfImage)
    {
        var concepts = texts_mD.size(0);
        var imagesOfConcept = conceptsOfImage
            .SelectMany((concept, image) => concept.Select(row => (Row: row, Image: image)))
            .ToLookup(pair => pair.Row, pair => pair.Image);
        var imageRanks = Ranks(images_nD, texts_mD, image => conceptsOfImage[image].Select(row => (int)row));
        var textRanks = Ranks(texts_mD, images_nD, concept => imagesOfConcept[concept]);
        return new RetrievalResult(Recall.FromRanks(imageRanks), Recall.FromRanks(textRanks), conceptsOfImage.Count, concepts);
    }

    private static List<long> Ranks(torch.Tensor queries_qD, torch.Tensor candidates_cD, Func<int, IEnumerable<int>> rightAnswers)
    {
        using var guard = no_grad();
        var ranks = new List<long>();
        var candidates_Dc = candidates_cD.t();
        for (long start = 0; start < queries_qD.size(0); start += TileRows)
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(TileRows, queries_qD.size(0) - start);
            var scores_rc = queries_qD.narrow(0, start, rows).mm(candidates_Dc);
            var scores = scores_rc.AsSpan<float>();
            var width = (int)candidates_cD.size(0);
            for (var row = 0; row < rows; row++)
            {
                ranks.Add(Rank(scores.Slice(row * width, width), [.. rightAnswers((int)start + row)]));
            }
        }

        return ranks;
    }

    private static long Rank(ReadOnlySpan<float> scores, HashSet<int> right)
    {
        float? best = null;
        foreach (var answer in right)
        {
            if (!float.IsNaN(scores[answer]) && !(scores[answer] <= best))
            {
                best = scores[answer];
            }
        }

        if (best is not { } score)
        {
            return long.MaxValue;
        }

        long before = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            if (!(scores[i] < score) && !right.Contains(i))
            {
                before++;
            }
        }

        return before;
    }
}
