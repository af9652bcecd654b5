using ClipTrain.Evaluation.Statistics;
using MathNet.Numerics.Distributions;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Retrieval;

/// <summary>A pair loss over a held-out split: the mean over batches of one size, as the loss depends on the size.</summary>
/// <param name="Value">The mean loss of a batch.</param>
/// <param name="Interval">Student's 95% interval over the batches; null if there is only one.</param>
public sealed record HeldOutLoss(double Value, Interval? Interval)
{
    /// <summary>Pairs of a batch. A smaller split is one batch; of a larger one, images that do not fill a batch are left out.</summary>
    public const int Batch = 256;

    /// <param name="images_nD">Unit image embeddings.</param>
    /// <param name="texts_nD">Unit embeddings of one caption of each image.</param>
    /// <param name="loss">The loss of a batch of images bD and texts bD.</param>
    public static HeldOutLoss Measure(torch.Tensor images_nD, torch.Tensor texts_nD, Func<torch.Tensor, torch.Tensor, double> loss)
    {
        using var guard = no_grad();
        var pairs = images_nD.size(0);
        var size = Math.Min(Batch, pairs);
        var batches = pairs / size;
        var losses = new double[batches];
        for (var batch = 0; batch < batches; batch++)
        {
            // A batch takes its pairs from the whole split, as neighbours are often alike.
            using var scope = NewDisposeScope();
            var rows_b = arange(size, int64) * batches + batch;
            losses[batch] = loss(images_nD.index_select(0, rows_b), texts_nD.index_select(0, rows_b));
        }

        return new HeldOutLoss(losses.Average(), IntervalOf(losses));
    }

    private static Interval? IntervalOf(double[] losses)
    {
        if (losses.Length < 2)
        {
            return null;
        }

        var mean = losses.Average();
        var variance = losses.Sum(loss => (loss - mean) * (loss - mean)) / (losses.Length - 1);
        var half = StudentT.InvCDF(0, 1, losses.Length - 1, 0.975) * Math.Sqrt(variance / losses.Length);
        return new Interval(mean - half, mean + half);
    }
}
