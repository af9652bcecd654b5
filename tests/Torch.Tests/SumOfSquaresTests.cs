using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class SumOfSquaresTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(16_384)]
    [InlineData(300_001)]
    public void It_is_the_sum_in_double_precision_whatever_the_number_of_threads(int n)
    {
        using var scope = NewDisposeScope();
        var x = randn([n], generator: new Generator(5));
        var expected = x.AsSpan<float>().ToArray().Sum(v => (double)v * v);

        double one,
            two;
        using (new ThreadCount(1))
        {
            one = SumOfSquares.Of(x);
        }

        using (new ThreadCount(2))
        {
            two = SumOfSquares.Of(x);
        }

        Assert.Equal(BitConverter.DoubleToInt64Bits(one), BitConverter.DoubleToInt64Bits(two));
        Assert.Equal(expected, one, expected * 1e-12);
        Assert.Equal(expected, SumOfSquares.ByOperators(x), expected * 1e-12);
    }

    [Fact]
    public void Operators_sum_more_than_a_chunk()
    {
        using var scope = NewDisposeScope();
        var x = randn([5_000_003], generator: new Generator(6));
        var fused = SumOfSquares.Of(x);
        Assert.Equal(fused, SumOfSquares.ByOperators(x), fused * 1e-12);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void One_element_that_is_not_finite_shows_in_the_result(float bad)
    {
        using var scope = NewDisposeScope();
        var x = ones([50_000]);
        x.AsSpan<float>()[49_999] = bad;

        Assert.False(double.IsFinite(SumOfSquares.Of(x)));
    }

    [Fact]
    public void The_largest_floats_do_not_overflow()
    {
        using var scope = NewDisposeScope();

        Assert.True(double.IsFinite(SumOfSquares.Of(full([100_000], (double)float.MaxValue))));
    }

    [Fact]
    public void Strided_input_is_refused()
    {
        using var scope = NewDisposeScope();

        Assert.Throws<ArgumentException>(() => SumOfSquares.Of(ones([4, 2]).select(1, 0)));
    }
}
