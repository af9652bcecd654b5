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
        // What earlier tests left to the garbage collector may go meanwhile.
        Assert.InRange(Tensor.TotalCount, 0, before);
    }

    [Fact]
    public void A_chain_of_recorded_functions_holds_the_gradients_of_a_few_and_not_of_all()
    {
        const int Functions = 32,
            Elements = 1 << 18;
        using var scope = NewDisposeScope();
        var x = zeros([Elements]).requires_grad_();
        List<long> bytes = [];
        var y = x;
        for (var i = 0; i < Functions; i++)
        {
            y = Gradients.Record(
                [y],
                () => zeros([Elements]),
                [],
                (gradient, _) =>
                {
                    bytes.Add(NativeHeap.AllocatedBytes());
                    return [gradient + 1];
                }
            );
        }

        Gradients.Run(y, zeros([Elements]));

        Assert.Equal(Functions, x.grad!.AsSpan<float>()[^1]);
        Assert.Equal(Functions, bytes.Count);
        Assert.InRange(bytes.Max() - bytes[0], long.MinValue, 4L * sizeof(float) * Elements);
    }

    [Fact]
    public void Gradients_are_right_in_many_passes_whose_memory_is_used_again()
    {
        for (var run = 0; run < 200; run++)
        {
            using var scope = NewDisposeScope();
            var leaves = Enumerable.Range(0, 4).Select(i => full([257], i + 1f).requires_grad_()).ToArray();
            var y = leaves[0];
            for (var i = 0; i < 24; i++)
            {
                // The gradient itself, one of two uses, and fresh memory: all ways in which a function can return a tensor.
                var other = leaves[1 + (i % 3)];
                y = (i % 3) switch
                {
                    0 => Gradients.Record([y, other], () => y + other, [], (gradient, _) => [gradient, gradient]),
                    1 => Gradients.Record([y, other], () => y + other, [], (gradient, _) => [gradient * 1, gradient.clone()]),
                    _ => Gradients.Record([y, y], () => y * 1, [], (gradient, _) => [gradient * 0.25, gradient * 0.75]) + (other * 1),
                };
                if (i % 8 == 0)
                {
                    GC.Collect(0);
                }
            }

            Gradients.Run(y.sum(), ones([]));

            foreach (var (i, leaf) in leaves.Index())
            {
                Assert.Equal(-1, leaf.grad!.AsSpan<float>().IndexOfAnyExcept(i == 0 ? 1f : 8f));
            }
        }
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
