using ClipTrain.DataPipeline.Inspection;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class DistributionTests
{
    [Fact]
    public void Quantiles_of_whole_numbers_are_exact()
    {
        var distribution = new Distribution();
        for (var i = 1000; i >= 1; i--)
        {
            distribution.Add(i);
        }

        Assert.Equal([1, 50, 500, 950, 1000], new[] { 0, 0.05, 0.5, 0.95, 1 }.Select(distribution.Quantile));
        Assert.Equal(500.5, distribution.Mean);
        Assert.Equal(0.223, distribution.ShareBelow(224));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(9999, 9999)]
    [InlineData(12345, 12350)]
    [InlineData(1234567, 1235000)]
    [InlineData(1.33333333, 1.333)]
    [InlineData(0.00123456, 0.001235)]
    public void Values_are_kept_to_four_digits(double value, double kept)
    {
        var distribution = new Distribution();
        distribution.Add(value);

        Assert.Equal(kept, distribution.Quantile(0.5), 1e-9 * Math.Max(1, kept));
    }

    [Fact]
    public void Without_values_all_is_zero()
    {
        var distribution = new Distribution();

        Assert.Equal((0, 0, 0), (distribution.Quantile(0.5), distribution.Mean, distribution.ShareBelow(10)));
    }
}
