using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class CollectGradsTests
{
    [Fact]
    public void Gradients_of_every_dtype_land_at_their_offsets_and_are_cleared()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = WithGrad(float32, [1f, 2f]);
        Tensor b = WithGrad(bfloat16, [3f, 4f, 5f]);
        Tensor c = WithGrad(float16, [6f]);
        Tensor flat = full([8], -1.0);

        autograd.collect_grads([a, b, c], [0, 2, 6], flat, accumulate: false);

        Assert.Equal([1f, 2, 3, 4, 5, -1, 6, -1], flat.AsSpan<float>().ToArray());
        Assert.All(new[] { a, b, c }, p => Assert.Null(p.grad));
    }

    [Fact]
    public void Accumulating_adds_and_leaves_parameters_without_gradients_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = WithGrad(bfloat16, [1f, 2f]);
        Tensor none = zeros([2], requires_grad: true);
        Tensor flat = full([4], 10.0);

        autograd.collect_grads([a, none], [2, 0], flat, accumulate: true);

        Assert.Equal([10f, 10, 11, 12], flat.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Without_accumulating_a_missing_gradient_is_zeros()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor none = zeros([2], requires_grad: true);
        Tensor flat = full([3], 10.0);

        autograd.collect_grads([none], [1], flat, accumulate: false);

        Assert.Equal([10f, 0, 0], flat.AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_strided_gradient_is_read_in_the_order_of_its_indices(bool accumulate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor p = zeros([2, 3], requires_grad: true);
        p.grad = tensor([1f, 4, 2, 5, 3, 6], [3, 2]).t();
        Assert.False(p.grad!.is_contiguous());
        Tensor flat = full([6], 1.0);

        autograd.collect_grads([p], [0], flat, accumulate);

        float before = accumulate ? 1 : 0;
        Assert.Equal(new[] { 1f, 2, 3, 4, 5, 6 }.Select(x => x + before), flat.AsSpan<float>().ToArray());
        Assert.Null(p.grad);
    }

    [Fact]
    public void Many_parameters_over_several_threads_are_moved_exactly()
    {
        using DisposeScope scope = NewDisposeScope();
        using var threads = new ThreadCount(2);
        using var generator = new Generator(1);
        long[] sizes = [70_001, 1, 0, 40_000, 3, 99_999];
        Tensor[] parameters = [.. sizes.Select(n =>
        {
            Tensor p = zeros([n], requires_grad: true);
            p.grad = randn([n], generator: generator);
            return p;
        })];
        float[] expected = [.. parameters.SelectMany(p => p.grad!.AsSpan<float>().ToArray())];
        long[] offsets = [.. sizes.Select((_, i) => sizes.Take(i).Sum())];
        Tensor flat = zeros([expected.Length]);

        autograd.collect_grads(parameters, offsets, flat, accumulate: false);

        Assert.Equal(expected, flat.AsSpan<float>().ToArray());
    }

    [Fact]
    public void A_parameter_that_does_not_fit_is_refused_before_anything_changes()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = WithGrad(float32, [1f, 2f]);
        Tensor b = WithGrad(float32, [3f, 4f]);
        Tensor flat = zeros([3]);

        TorchException e = Assert.Throws<TorchException>(() => autograd.collect_grads([a, b], [0, 2], flat, accumulate: false));

        Assert.Contains("parameter 1 of 2 elements at offset 2 does not fit a buffer of 3", e.Message, StringComparison.Ordinal);
        Assert.NotNull(a.grad);
        Assert.Equal([0f, 0, 0], flat.AsSpan<float>().ToArray());
    }

    [Fact]
    public void A_gradient_in_double_precision_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = WithGrad(float64, [1f]);

        TorchException e = Assert.Throws<TorchException>(() => autograd.collect_grads([a], [0], zeros([1]), accumulate: false));

        Assert.Contains("gradient of parameter 0 is Double", e.Message, StringComparison.Ordinal);
    }

    private static Tensor WithGrad(ScalarType dtype, float[] grad)
    {
        Tensor p = zeros([grad.Length], dtype, requires_grad: true);
        p.grad = tensor(grad, dtype: dtype);
        return p;
    }
}
