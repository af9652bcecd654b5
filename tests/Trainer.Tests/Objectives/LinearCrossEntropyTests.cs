using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

public class LinearCrossEntropyTests
{
    private const int Rows = 13,
        Width = 6,
        Classes = 11;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(5, 0)]
    [InlineData(1024, 0)]
    [InlineData(4, 0.1)]
    [InlineData(1024, 0.4)]
    public void The_loss_equals_cross_entropy_of_a_linear_layer_under_autograd_for_any_tile(int tileRows, double smoothing)
    {
        var (rows, weight, bias) = (
            Random(1, Rows, Width).requires_grad_(),
            Random(2, Classes, Width).requires_grad_(),
            Random(3, Classes).requires_grad_()
        );
        var classes = tensor([.. Enumerable.Range(0, Rows).Select(i => (long)(i * 5 % Classes))]);
        var logProbabilities = Products.Linear(rows, weight, bias).log_softmax(1);
        var losses = -(
            (logProbabilities.gather(1, classes.unsqueeze(1)).squeeze(1) * (1 - smoothing)) + (logProbabilities.mean([1]) * smoothing)
        );
        (losses.sum() * 0.25).backward();

        var result = new LinearCrossEntropy(tileRows, smoothing).Compute(
            rows.detach(),
            weight.detach(),
            bias.detach(),
            ClassTargets.Of(classes),
            0.25
        );

        AssertSame(losses.detach(), result.Losses_n);
        AssertSame(rows.grad!, result.RowGradient_nW);
        AssertSame(weight.grad!, result.WeightGradient_CW);
        AssertSame(bias.grad!, result.BiasGradient_C!);
    }

    [Fact]
    public void Several_classes_share_a_rows_weight_and_a_row_without_classes_counts_nothing()
    {
        var (rows, weight) = (Random(1, 3, Width).requires_grad_(), Random(2, Classes, Width).requires_grad_());
        var targets = new ClassTargets(tensor([4L, 2, 7, 0, 9, 9], [3, 2]), tensor([0.75f, 0.25f, 0, 0, 0.5f, 0.5f], [3, 2]));
        var dense = zeros([3, Classes], float32);
        foreach (var (row, column, value) in new[] { (0, 4, 0.75f), (0, 2, 0.25f), (2, 9, 1f) })
        {
            dense.AsSpan<float>()[(row * Classes) + column] = value;
        }

        var losses = -(rows.MatMul(weight.t()).log_softmax(1) * dense).sum(1L);
        losses.sum().backward();

        var result = new LinearCrossEntropy(2).Compute(rows.detach(), weight.detach(), null, targets, 1);

        AssertSame(losses.detach(), result.Losses_n);
        AssertSame(rows.grad!, result.RowGradient_nW);
        AssertSame(weight.grad!, result.WeightGradient_CW);
        Assert.Equal(0, result.Losses_n.AsSpan<float>()[1]);
        Assert.Null(result.BiasGradient_C);
    }

    private static void AssertSame(torch.Tensor expected, torch.Tensor actual) =>
        Assert.InRange(Norms.RelativeDifference(actual.AsSpan<float>(), expected.AsSpan<float>()), 0, 2e-6);

    private static torch.Tensor Random(int seed, params long[] shape)
    {
        using var generator = new torch.Generator();
        generator.manual_seed(seed);
        return randn(shape, generator: generator);
    }
}
