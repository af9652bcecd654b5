using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>Finds the nearest corpus image of each test image by the cosine of their embeddings.</summary>
/// <remarks>
/// Memory: the test embeddings, one block of the corpus and their cosines, in tiles. Shapes: T test images, B images of a block, D
/// embedding.
/// </remarks>
public static class CosineSearch
{
    /// <summary>Number of test images whose cosines with a block are held at once.</summary>
    private const int TileRows = 4096;

    /// <summary>The nearest image of each row; empty if the corpus has none. Of equally near ones, the first block's.</summary>
    /// <param name="test_TD">Unit embeddings of the test images.</param>
    /// <param name="corpus">Those of the corpus.</param>
    public static IReadOnlyList<NearestImage> Nearest(Matrix test_TD, IEnumerable<EmbeddingBlock> corpus)
    {
        using var guard = no_grad();
        var cosines = new float[test_TD.Rows];
        var samples = new long[test_TD.Rows];
        cosines.AsSpan().Fill(float.NegativeInfinity);
        var isEmpty = true;
        foreach (var block in corpus)
        {
            isEmpty = false;
            for (var start = 0; start < test_TD.Rows; start += TileRows)
            {
                using var scope = NewDisposeScope();
                var tile_RD = test_TD.View().narrow(0, start, Math.Min(TileRows, test_TD.Rows - start));
                var (values_R, places_R) = tile_RD.mm(block.Embeddings.View().t()).max(1);
                var values = values_R.AsSpan<float>();
                var places = places_R.AsSpan<long>();
                for (var i = 0; i < values.Length; i++)
                {
                    if (values[i] > cosines[start + i])
                    {
                        (cosines[start + i], samples[start + i]) = (values[i], block.Samples[(int)places[i]]);
                    }
                }
            }
        }

        return isEmpty ? [] : [.. cosines.Select((cosine, i) => new NearestImage(i, samples[i], 1 - (double)cosine))];
    }
}
