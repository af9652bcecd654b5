using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using TorchSharp;

namespace ClipTrain.Evaluation.Retrieval;

/// <summary>A query and its first result.</summary>
/// <param name="Image">Index of the image.</param>
/// <param name="Caption">Its first caption.</param>
/// <param name="Rank">Rank of the image's best caption, from 1.</param>
/// <param name="Found">The first-ranked caption.</param>
public sealed record RetrievalExample(int Image, string Caption, long Rank, string Found);

/// <summary>Result of retrieval over a set.</summary>
/// <param name="Set">The set's name.</param>
/// <param name="Rows">The figures.</param>
/// <param name="Ranks">Recall in both directions, with the rank of each query.</param>
/// <param name="Examples">Example queries.</param>
public sealed record RetrievalOutcome(
    string Set,
    IReadOnlyList<ResultRow> Rows,
    RetrievalResult Ranks,
    IReadOnlyList<RetrievalExample> Examples
);

/// <summary>Measures retrieval in both directions over the captioned images of a set.</summary>
public static class RetrievalEvaluation
{
    private const int Examples = 8;

    /// <exception cref="DataPipeline.Corpus.CorpusException">The set has too few captions, or the model embeds no texts.</exception>
    public static RetrievalOutcome Run(IEvaluatedModel model, SetOptions set, EmbeddedSet embedded)
    {
        if (!model.HasTexts)
        {
            throw SetError.Of(set.Name, $"{model.Name} embeds no texts, and retrieval needs them.");
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        int[] used = [.. Enumerable.Range(0, embedded.Images.Count).Where(i => embedded.Images[i].Captions.Count > 0)];
        if (used.Length < 2)
        {
            throw SetError.Of(
                set.Name,
                $"{(used.Length == 0 ? "no image has" : "only one image has")} a caption; retrieval needs at least two. Set caption_column."
            );
        }

        var captions = Array.ConvertAll(used, i => embedded.Images[i].Captions);
        string[] concepts = [.. captions.SelectMany(own => own).Distinct(StringComparer.Ordinal)];
        var places = concepts.Index().ToDictionary(text => text.Item, text => (long)text.Index, StringComparer.Ordinal);
        var images = embedded.Embeddings.Select(used);
        var texts_mD = model.EncodeTexts(concepts);
        var result = RetrievalRanking.Measure(
            images.View(),
            texts_mD,
            Array.ConvertAll(captions, own => (IReadOnlyList<long>)[.. own.Select(text => places[text])])
        );
        var loss = HeldOutLoss.Measure(
            images.View(),
            texts_mD.index_select(0, torch.tensor(Array.ConvertAll(captions, own => places[own[0]]))),
            model.PairLoss
        );
        result = result.With(loss);
        return new RetrievalOutcome(
            set.Name,
            [
                .. Rows(set.Name, "image_to_text", result.ImageToText),
                .. Rows(set.Name, "text_to_image", result.TextToImage),
                Mean(set.Name, result),
                new ResultRow(set.Name, "retrieval", "loss", loss.Value, loss.Interval?.Low, loss.Interval?.High, used.Length, Seed: null),
            ],
            result,
            Show(used, captions, images, texts_mD, concepts, result)
        );
    }

    private static IEnumerable<ResultRow> Rows(string set, string direction, Recall recall)
    {
        ResultRow Row(string metric, double value, Interval interval) =>
            ResultRow.Of(set, $"retrieval {direction}", metric, value, interval, recall.Queries);
        yield return Row("r1", recall.R1, recall.R1Interval);
        yield return Row("r5", recall.R5, recall.R5Interval);
        yield return Row("r10", recall.R10, recall.R10Interval);
        yield return Row("median_rank", recall.MedianRank, recall.MedianRankInterval);
    }

    /// <summary>DataComp's retrieval figure: the mean R@1 of both directions. The interval assumes independence.</summary>
    private static ResultRow Mean(string set, RetrievalResult result)
    {
        var (a, b) = (result.ImageToText, result.TextToImage);
        var centre = (a.R1 + b.R1) / 2;
        var below = Math.Sqrt(Square(a.R1 - a.R1Interval.Low) + Square(b.R1 - b.R1Interval.Low)) / 2;
        var above = Math.Sqrt(Square(a.R1Interval.High - a.R1) + Square(b.R1Interval.High - b.R1)) / 2;
        return ResultRow.Of(
            set,
            "retrieval",
            "mean_recall_at_1",
            centre,
            new Interval(centre - below, centre + above),
            a.Queries + b.Queries
        );

        static double Square(double x) => x * x;
    }

    /// <summary>Selects images spread evenly over the ranks of their captions, from best to worst.</summary>
    private static List<RetrievalExample> Show(
        int[] used,
        IReadOnlyList<string>[] captions,
        Matrix images,
        torch.Tensor texts_mD,
        string[] concepts,
        RetrievalResult result
    )
    {
        var order = Enumerable.Range(0, used.Length).OrderBy(i => result.ImageToText.Ranks[i]).ToArray();
        var count = Math.Min(Examples, order.Length);
        return
        [
            .. Enumerable
                .Range(0, count)
                .Select(k => order[(int)((long)k * (order.Length - 1) / Math.Max(1, count - 1))])
                .Distinct()
                .Select(i =>
                {
                    using var scores = images.View().narrow(0, i, 1).mm(texts_mD.t());
                    using var best = scores.argmax(1);
                    return new RetrievalExample(
                        used[i],
                        captions[i][0],
                        result.ImageToText.Ranks[i] is var rank && rank == long.MaxValue ? long.MaxValue : rank + 1,
                        concepts[best.item<long>()]
                    );
                }),
        ];
    }
}
