using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class FunctionalTests
{
    [Fact]
    public void Layer_norm_gives_rows_of_mean_zero_and_variance_one()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn([4, 64], generator: new Generator(1)) * 5 + 3;

        Tensor y = nn.functional.layer_norm(x, [64], ones([64]), zeros([64]), eps: 0);

        Assert.True(y.mean(-1).allclose(zeros([4]), atol: 1e-6));
        Assert.True(y.var([1], unbiased: false).allclose(ones([4]), atol: 1e-5));
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-5)]
    [InlineData(ScalarType.BFloat16, 0.01)]
    public void A_linear_layer_adds_its_bias_and_gives_it_the_sum_of_the_gradients(ScalarType type, double tolerance)
    {
        using DisposeScope scope = NewDisposeScope();
        using var g = new Generator(5);
        Tensor x = randn([3, 5, 8], generator: g).to(type), weight = randn([6, 8], generator: g).to(type), bias = randn([6], generator: g).to(type).requires_grad_();
        Tensor gradient = randn([3, 5, 6], generator: g).to(type);

        Tensor y = nn.functional.linear(x, weight, bias);
        autograd.backward([y], [gradient]);

        Tensor expected = x.to(float64).matmul(weight.to(float64).t()) + bias.detach().to(float64);
        Assert.Equal(type, y.dtype);
        Assert.True(y.detach().to(float64).allclose(expected, rtol: tolerance, atol: 2 * tolerance));
        Assert.True(bias.grad!.to(float64).allclose(gradient.to(float64).sum([0, 1]), rtol: 2 * tolerance, atol: 5 * tolerance));
    }

    [Fact]
    public void Normalized_rows_have_length_one_and_zero_rows_stay_zero()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([3f, 4f, 0f, 0f], [2, 2]);

        Assert.Equal([0.6f, 0.8f, 0f, 0f], normalize(x).AsSpan<float>().ToArray());
    }

    [Fact]
    public void Attention_is_a_softmax_weighted_mean_of_the_values()
    {
        using DisposeScope scope = NewDisposeScope();
        using var g = new Generator(3);
        Tensor q = randn([2, 3, 5, 8], generator: g);
        Tensor k = randn([2, 3, 7, 8], generator: g);
        Tensor v = randn([2, 3, 7, 4], generator: g);

        Tensor y = nn.functional.scaled_dot_product_attention(q, k, v);

        Tensor expected = (q.to(float64).matmul(k.to(float64).transpose(-2, -1)) / Math.Sqrt(8)).softmax(-1).matmul(v.to(float64));
        Assert.True(y.to(float64).allclose(expected, rtol: 1e-5, atol: 1e-6));
    }

    [Fact]
    public void Causal_attention_of_a_position_ignores_what_comes_after_it()
    {
        using DisposeScope scope = NewDisposeScope();
        using var g = new Generator(4);
        Tensor x = randn([1, 6, 8], generator: g);
        Tensor changed = x.clone();
        changed.narrow(1, 4, 2).fill_(100);

        Tensor a = nn.functional.scaled_dot_product_attention(x, x, x, is_causal: true);
        Tensor b = nn.functional.scaled_dot_product_attention(changed, changed, changed, is_causal: true);

        Assert.True(a.narrow(1, 0, 4).allclose(b.narrow(1, 0, 4)));
        Assert.False(a.narrow(1, 4, 2).allclose(b.narrow(1, 4, 2)));
    }

    [Fact]
    public void A_bool_mask_equals_a_float_mask_of_minus_infinity()
    {
        using DisposeScope scope = NewDisposeScope();
        using var g = new Generator(5);
        Tensor x = randn([2, 6, 8], generator: g);
        Tensor keep = ones([6, 6], @bool).tril();
        Tensor add = zeros([6, 6]).masked_fill(keep.logical_not(), double.NegativeInfinity);

        Assert.True(nn.functional.scaled_dot_product_attention(x, x, x, keep)
            .equal(nn.functional.scaled_dot_product_attention(x, x, x, add)));
    }

    [Fact]
    public void Embedding_picks_rows_and_its_gradient_counts_them()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor table = arange(6, float32).reshape(3, 2).requires_grad_();

        Tensor y = nn.functional.embedding(tensor([2L, 0L, 2L]), table);
        y.sum().backward();

        Assert.Equal([4f, 5, 0, 1, 4, 5], y.detach().AsSpan<float>().ToArray());
        Assert.Equal([1f, 1, 0, 0, 2, 2], table.grad!.AsSpan<float>().ToArray());
    }

    [Fact]
    public void A_convolution_of_patches_is_a_linear_map_of_unfolded_patches()
    {
        using DisposeScope scope = NewDisposeScope();
        using var g = new Generator(6);
        Tensor image = randn([2, 3, 8, 8], generator: g);
        Tensor weight = randn([5, 3, 4, 4], generator: g);

        Tensor y = nn.functional.conv2d(image, weight, stride: 4);

        Tensor patches = image.reshape(2, 3, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(2, 4, 48);
        Tensor expected = nn.functional.linear(patches, weight.reshape(5, 48)).transpose(1, 2).reshape(2, 5, 2, 2);
        Assert.True(y.allclose(expected, rtol: 1e-4, atol: 1e-5));
    }

    [Fact]
    public void Dropout_is_the_identity_when_not_training()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn([10]);

        Assert.True(x.equal(nn.functional.dropout(x, 0.9, training: false)));
    }
}
