using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class BatchNormKernelTests
{
    private const double Epsilon = 1e-5;

    public static TheoryData<long, long, long, bool> Cases()
    {
        var cases = new TheoryData<long, long, long, bool>();
        foreach (var (pairs, channels, side) in new[] { (4L, 8L, 16L), (2, 16, 5), (64, 64, 1), (4, 160, 7), (2, 37, 32), (2, 2048, 4) })
        {
            cases.Add(pairs, channels, side, false);
            cases.Add(pairs, channels, side, true);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Output_statistics_and_gradients_are_those_of_fp64_but_for_rounding(long pairs, long channels, long side, bool relu)
    {
        using var scope = NewDisposeScope();
        var (x, weight, bias, gradient) = Case(pairs, channels, side, offset: 0.5);
        var (mine, mean, variance) = Gradients(x, weight, bias, gradient, relu);
        var (whole, expectedMean, expectedVariance) = InDoublePrecision(x, weight, bias, gradient, relu);

        Assert.Equal(float32, mine[0].dtype);
        Assert.Equal(x.shape, mine[0].shape);
        AssertClose(expectedMean, mean, 1e-6);
        AssertClose(expectedVariance, variance, 1e-6);
        Assert.All(whole.Zip(mine), pair => AssertClose(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void A_small_variance_beside_a_large_mean_is_not_lost()
    {
        using var scope = NewDisposeScope();
        var (x, weight, bias, gradient) = Case(8, 16, 16, offset: 1000);
        var (_, mean, variance) = Gradients(x, weight, bias, gradient, relu: false);
        var (_, expectedMean, expectedVariance) = InDoublePrecision(x, weight, bias, gradient, relu: false);
        AssertClose(expectedMean, mean, 1e-6);
        AssertClose(expectedVariance, variance, 1e-5);
    }

    [Fact]
    public void The_result_is_the_same_in_every_bit_on_any_number_of_threads_and_in_either_order_in_memory()
    {
        using var scope = NewDisposeScope();
        var (x, weight, bias, gradient) = Case(32, 32, 32, offset: 0);
        Tensor[] On(int threads, Tensor input)
        {
            using var set = new ThreadCount(threads);
            return Gradients(input, weight, bias, gradient, relu: true).Tensors;
        }

        var one = On(1, x);
        foreach (var other in new[] { On(2, x), On(3, x), On(1, x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)) })
        {
            Assert.All(one.Zip(other), pair => Assert.True(pair.First.contiguous().IsSame(pair.Second.contiguous())));
        }
    }

    [Fact]
    public void A_value_that_is_not_finite_is_not_hidden_by_the_ReLU()
    {
        using var scope = NewDisposeScope();
        var (x, weight, bias, gradient) = Case(2, 8, 4, offset: 0);
        x[0, 3, 1, 1] = double.NaN;
        var (tensors, mean, _) = Gradients(x, weight, bias, gradient, relu: true);
        Assert.True(mean[3].isnan().item<bool>());
        Assert.True(tensors[0].select(1, 3).isnan().all().item<bool>());
        Assert.False(tensors[0].select(1, 2).isnan().any().item<bool>());
    }

    [Fact]
    public void Other_types_odd_sizes_and_gains_of_another_length_are_refused()
    {
        using var scope = NewDisposeScope();
        Assert.False(BatchNormKernel.Takes(zeros([2, 16, 4, 4], bfloat16)));
        Assert.False(BatchNormKernel.Takes(zeros([1, 7, 3, 3])));
        Assert.False(BatchNormKernel.Takes(zeros([0, 16, 4, 4])));
        Assert.Throws<ArgumentException>(() => BatchNormKernel.Apply(zeros([2, 16, 4, 4], float64), ones(16), zeros(16), Epsilon, false));
        var error = Assert.Throws<ArgumentException>(() =>
            BatchNormKernel.Apply(zeros([2, 16, 4, 4]), ones(15), zeros(16), Epsilon, false)
        );
        Assert.Contains("weight_C", error.Message, StringComparison.Ordinal);
    }

    private static (Tensor X, Tensor Weight, Tensor Bias, Tensor Gradient) Case(long pairs, long channels, long side, double offset)
    {
        using var random = new Generator(7);
        Tensor Normal(params long[] shape) => randn(shape, generator: random);
        return (Normal(pairs, channels, side, side) + offset, Normal(channels) + 1, Normal(channels), Normal(pairs, channels, side, side));
    }

    /// <summary>Output and the gradients of input, gains and offsets.</summary>
    private static (Tensor[] Tensors, Tensor Mean, Tensor Variance) Gradients(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor gradient,
        bool relu
    )
    {
        var leaves = Leaves(x, weight, bias);
        var (y, mean, variance) = BatchNormKernel.Apply(leaves[0], leaves[1], leaves[2], Epsilon, relu);
        Operators.Gradients.Run(y, gradient);
        return ([y.detach(), .. leaves.Select(leaf => leaf.grad!)], mean, variance);
    }

    private static (Tensor[] Tensors, Tensor Mean, Tensor Variance) InDoublePrecision(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor gradient,
        bool relu
    )
    {
        var leaves = Leaves(x.to(float64), weight.to(float64), bias.to(float64));
        var (variance, mean) = leaves[0].detach().var_mean([0, 2, 3], unbiased: false);
        var y = nn.functional.batch_norm(leaves[0], null, null, leaves[1], leaves[2], training: true, eps: Epsilon);
        y = relu ? y.relu() : y;
        Operators.Gradients.Run(y, gradient.to(float64));
        return ([y.detach(), .. leaves.Select(leaf => leaf.grad!)], mean, variance);
    }

    private static Tensor[] Leaves(params Tensor[] tensors) => [.. tensors.Select(tensor => tensor.detach().requires_grad_())];

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (expected.to(float64), actual.detach().to(float64));
        Assert.InRange((a - b).norm().item<double>() / a.norm().item<double>(), 0, tolerance);
    }
}
