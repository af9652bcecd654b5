using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Tests;

public sealed class HeldOutLossTests
{
    /// <summary>Images and texts of three batches and a rest; the "loss" is the mean of the images' values.</summary>
    [Fact]
    public void The_loss_is_the_mean_over_whole_batches_with_students_interval()
    {
        var rows = arange((3 * HeldOutLoss.Batch) + 2, float32).unsqueeze(1);
        var losses = new List<double>();
        var measured = HeldOutLoss.Measure(rows, rows, Mean);

        // Batch k takes the rows 3i + k, whose mean is k more than that of 3i.
        Assert.Equal([382.5, 383.5, 384.5], losses);
        Assert.Equal(383.5, measured.Value, 9);
        // Standard deviation 1 and t(0.975, 2) = 4.302653.
        Assert.Equal(383.5 - (4.302653 / Math.Sqrt(3)), measured.Interval!.Value.Low, 5);
        Assert.Equal(383.5 + (4.302653 / Math.Sqrt(3)), measured.Interval.Value.High, 5);

        double Mean(torch.Tensor images_bD, torch.Tensor texts_bD)
        {
            Assert.Equal(HeldOutLoss.Batch, images_bD.size(0));
            Assert.True(images_bD.IsSame(texts_bD));
            losses.Add(images_bD.to(float64).mean().item<double>());
            return losses[^1];
        }
    }

    [Fact]
    public void A_small_split_is_one_batch_without_an_interval()
    {
        var measured = HeldOutLoss.Measure(ones([5, 2]), ones([5, 2]), (images_bD, _) => images_bD.size(0));
        Assert.Equal(new HeldOutLoss(5, Interval: null), measured);
    }
}
