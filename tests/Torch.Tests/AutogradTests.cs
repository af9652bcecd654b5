using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class AutogradTests
{
    [Fact]
    public void The_gradient_of_a_product_is_the_other_factor()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = tensor([1f, 2f, 3f]).requires_grad_();
        Tensor b = tensor([4f, 5f, 6f]).requires_grad_();

        (a * b).sum().backward();

        Assert.Equal([4f, 5f, 6f], a.grad!.AsSpan<float>().ToArray());
        Assert.Equal([1f, 2f, 3f], b.grad!.AsSpan<float>().ToArray());
    }

    [Fact]
    public void The_gradient_of_cross_entropy_is_softmax_minus_one_hot_over_the_rows()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = tensor([1f, 2f, 3f, 0f, 0f, 0f], [2, 3]).requires_grad_();

        nn.functional.cross_entropy(logits, tensor([2L, 0L])).backward();

        Tensor expected;
        using (no_grad())
        {
            Tensor oneHot = tensor([0f, 0f, 1f, 1f, 0f, 0f], [2, 3]);
            expected = (logits.softmax(-1) - oneHot) / 2;
        }

        Assert.True(logits.grad!.allclose(expected, rtol: 1e-6, atol: 1e-7));
    }

    [Fact]
    public void Backward_from_several_outputs_adds_their_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([2f]).requires_grad_();
        Tensor square = x * x;
        Tensor cube = x * x * x;

        autograd.backward([square, cube], [tensor([1f]), tensor([10f])]);

        Assert.Equal(4 + 120, x.grad!.item<float>());
    }

    [Fact]
    public void Nothing_is_recorded_under_no_grad_and_modes_nest()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones([2], requires_grad: true);
        using (no_grad())
        {
            Assert.False(is_grad_enabled());
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
            {
                Assert.True((x * 2).requires_grad);
                using (no_grad())
                {
                    Assert.False(is_grad_enabled());
                }

                Assert.True(is_grad_enabled());
            }

            Assert.False(is_grad_enabled());
        }

        Assert.True((x * 2).requires_grad);
    }

    [Fact]
    public void A_gradient_can_be_replaced_and_cleared()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones([2], requires_grad: true);
        Assert.Null(x.grad);

        x.grad = tensor([3f, 4f]);
        Assert.Equal([3f, 4f], x.grad!.AsSpan<float>().ToArray());
        x.grad = null;

        Assert.Null(x.grad);
    }

    [Fact]
    public void A_gradient_of_another_shape_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones([2], requires_grad: true);

        TorchException e = Assert.Throws<TorchException>(() => x.grad = ones([3]));

        Assert.Contains("[3]", e.Message, StringComparison.Ordinal);
    }
}
