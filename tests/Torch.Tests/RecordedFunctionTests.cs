using System.Runtime.CompilerServices;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class RecordedFunctionTests
{
    [Fact]
    public void Gradients_come_from_the_given_way_back_and_flow_on()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([1f, 2f, 3f]).requires_grad_();
        Tensor w = tensor([2f, 2f, 4f]).requires_grad_();
        Tensor doubled = x * 2;

        Product(doubled, w).sum().backward();

        Assert.Equal([4f, 4f, 8f], x.grad!.AsSpan<float>().ToArray());
        Assert.Equal([2f, 4f, 6f], w.grad!.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Nothing_is_recorded_without_gradients_to_compute()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([1f]);
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
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([1f]).requires_grad_();
        Tensor y = autograd.record(x.detach() * 3, [x], [], (_, _) => throw new DistributedException("a peer left") { Aborted = true });

        DistributedException error = Assert.Throws<DistributedException>(() => (y * 2).sum().backward());

        Assert.True(error.Aborted);
        Assert.Null(x.grad);
    }

    [Fact]
    public void A_wrong_number_of_gradients_is_an_error()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([1f]).requires_grad_();
        Tensor y = autograd.record(x.detach() * 3, [x], [], (gradient, _) => [gradient, gradient]);
        Assert.Contains("2 gradients for 1 inputs", Assert.Throws<InvalidOperationException>(() => y.sum().backward()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_that_is_gone_keeps_no_function()
    {
        WeakReference<object> captured = RecordAndDrop();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.False(captured.TryGetTarget(out _));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<object> RecordAndDrop()
    {
        using DisposeScope scope = NewDisposeScope();
        object captured = new();
        Tensor x = tensor([1f]).requires_grad_();
        Tensor y = autograd.record(x.detach() * 3, [x], [], (gradient, _) => captured is null ? [] : [gradient * 3]);
        y.sum().backward();
        Assert.Equal([3f], x.grad!.AsSpan<float>().ToArray());
        return new WeakReference<object>(captured);
    }

    private static Tensor Product(Tensor a, Tensor b)
    {
        Tensor product;
        using (no_grad())
        {
            product = a * b;
        }

        return autograd.record(product, [a, b], [a, b], (gradient, saved) => [gradient * saved[1], gradient * saved[0]]);
    }
}
