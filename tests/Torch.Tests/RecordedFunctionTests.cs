using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class RecordedFunctionTests
{
    [Fact]
    public void Gradients_come_from_the_given_way_back_and_flow_on()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 2f, 3f]).requires_grad_();
        var w = tensor([2f, 2f, 4f]).requires_grad_();
        var doubled = x * 2;

        Gradients.Run(Product(doubled, w).sum(), ones([]));

        Assert.Equal([4f, 4f, 8f], x.grad!.AsSpan<float>().ToArray());
        Assert.Equal([2f, 4f, 6f], w.grad!.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Nothing_is_recorded_without_gradients_to_compute()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f]);
        Assert.False(Product(x, x).requires_grad);
        x.requires_grad_();
        using (no_grad())
        {
            Assert.False(Product(x, x).requires_grad);
        }

        Assert.True(Product(x, x).requires_grad);
    }

    [Fact]
    public void What_the_way_back_throws_ends_the_backward_pass_as_it_is()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f]).requires_grad_();
        var y = Tripled(x, (_, _) => throw new DistributedException("a peer left") { Aborted = true });

        var error = Assert.Throws<DistributedException>(() => Gradients.Run((y * 2).sum(), ones([])));

        Assert.True(error.Aborted);
        Assert.Null(x.grad);
    }

    [Fact]
    public void A_wrong_number_of_gradients_is_an_error()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f]).requires_grad_();
        var y = Tripled(x, (gradient, _) => [gradient, gradient]);
        Assert.Contains(
            "2 gradients for 1 inputs",
            Assert.Throws<InvalidOperationException>(() => Gradients.Run(y.sum(), ones([]))).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_backward_pass_may_run_inside_the_way_back()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 2f]).requires_grad_();
        var y = Gradients.Record(
            [x],
            () => x * x * x,
            [x],
            (gradient, saved) =>
            {
                using var recording = enable_grad();
                var again = saved[0].detach().requires_grad_();
                Gradients.Run(again * again * again, gradient);
                return [again.grad!];
            }
        );

        Gradients.Run(y.sum(), ones([]));

        Assert.Equal([3f, 12f], x.grad!.AsSpan<float>().ToArray());
    }

    [Fact]
    public void An_error_on_another_thread_ends_the_backward_pass()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f]).requires_grad_();
        var y = Elsewhere(Tripled(x, (_, _) => throw new DistributedException("a peer left")));

        Assert.Throws<DistributedException>(() => Gradients.Run(y, ones([1])));

        // The error is not thrown again.
        var z = tensor([1f]).requires_grad_();
        Gradients.Run(z * 2, ones([1]));
        Assert.Equal(2f, z.grad!.item<float>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_tensor_of_a_way_back_outlives_the_backward_pass(bool fails)
    {
        using var x = tensor([1f]).requires_grad_();
        using var gradient = ones([1]);
        using var inner = Gradients.Record(
            [x, x],
            () => x * 3,
            [x],
            (output, saved) => fails ? throw new DistributedException($"{output + saved[0]}") : [output, output * 3]
        );
        using var y = Elsewhere(inner);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;

        var error = Record.Exception(() => Gradients.Run(y, gradient));

        Assert.Equal(fails, error is DistributedException);
        Assert.Equal(before, Tensor.TotalCount);
    }

    /// <summary>The tensor itself. Backward runs its graph on another thread, as libtorch does for a GPU.</summary>
    private static Tensor Elsewhere(Tensor recorded)
    {
        using var start = zeros([1]).requires_grad_();
        return Gradients.Record(
            [start],
            () => recorded.detach(),
            [],
            (_, _) =>
            {
                var thread = new Thread(() =>
                {
                    using var gradient = ones([1]);
                    autograd.backward([recorded], [gradient]);
                });
                thread.Start();
                thread.Join();
                return [zeros([1])];
            }
        );
    }

    private static Tensor Tripled(Tensor x, BackwardFunction backward) => Gradients.Record([x], () => x * 3, [], backward);

    private static Tensor Product(Tensor a, Tensor b) =>
        Gradients.Record([a, b], () => a * b, [a, b], (gradient, saved) => [gradient * saved[1], gradient * saved[0]]);
}
