using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Probes;

/// <summary>Result of nearest neighbours.</summary>
/// <param name="Rows">The figures.</param>
/// <param name="Predictions">Prediction of each test image.</param>
public sealed record KnnResult(IReadOnlyList<ResultRow> Rows, IReadOnlyList<Prediction> Predictions);

/// <summary>
/// k-NN classification with the 20 training images whose features before the projection have the highest cosine, each voting with weight
/// exp(cosine / 0.07) (Wu et al. 2018, arXiv 1805.01978, section 3.4).
/// </summary>
public static class NearestNeighbours
{
    private const int Neighbours = 20,
        TileRows = 512;
    private const double Temperature = 0.07;

    public static KnnResult Run(string set, ProbeData data)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var all = data.Train.With(data.Validation);
        var train_Fm = nn.functional.normalize(all.Features.View(), 2, -1).t();
        var test_nF = nn.functional.normalize(data.Test.Features.View(), 2, -1);
        var k = Math.Min(Neighbours, all.Labels.Length);
        var predictions = new List<Prediction>();
        for (long start = 0; start < test_nF.size(0); start += TileRows)
        {
            using var tile = NewDisposeScope();
            var rows = Math.Min(TileRows, test_nF.size(0) - start);
            var (cosines, places) = test_nF.narrow(0, start, rows).mm(train_Fm).topk(k);
            var near = cosines.contiguous().AsSpan<float>();
            var numbers = places.contiguous().AsSpan<long>();
            for (var row = 0; row < rows; row++)
            {
                predictions.Add(
                    Vote(near.Slice(row * k, k), numbers.Slice(row * k, k), all.Labels, data.Classes, data.Test.Labels[(int)start + row])
                );
            }
        }

        return new KnnResult(LinearProbe.Rows(set, "knn", predictions, data.Classes, seed: null), predictions);
    }

    private static Prediction Vote(ReadOnlySpan<float> cosines, ReadOnlySpan<long> places, int[] labels, int classes, int label)
    {
        var votes = new double[classes];
        for (var i = 0; i < cosines.Length; i++)
        {
            votes[labels[places[i]]] += Math.Exp((cosines[i] - cosines[0]) / Temperature);
        }

        var predicted = Array.IndexOf(votes, votes.Max());
        var before = votes.Index().Count(vote => vote.Index != label && vote.Item >= votes[label]);
        return new Prediction(
            label,
            before == 0 ? label
                : predicted == label ? votes.Index().First(vote => vote.Index != label && vote.Item >= votes[label]).Index
                : predicted,
            before,
            votes[predicted] / votes.Sum()
        );
    }
}
