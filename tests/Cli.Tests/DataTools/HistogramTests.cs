using ClipTrain.Cli.DataTools;
using ClipTrain.DataPipeline.Inspection;

namespace ClipTrain.Cli.Tests.DataTools;

public sealed class HistogramTests
{
    [Theory]
    [InlineData(1, 8, false, true)]
    [InlineData(0, 77, false, true)]
    [InlineData(2, 45, true, true)]
    [InlineData(96, 97, false, true)]
    [InlineData(64, 9000, true, true)]
    [InlineData(1000, 20_000_000, true, true)]
    [InlineData(0.25, 4, false, false)]
    [InlineData(0.01, 40, true, false)]
    public void Every_value_falls_into_its_bin_and_ticks_lie_on_the_axis(double low, double high, bool logarithmic, bool whole)
    {
        var values = new Distribution();
        for (var i = 0; i <= 200; i++)
        {
            values.Add(whole ? Math.Round(low + ((high - low) * i / 200)) : low + ((high - low) * i / 200));
        }

        var histogram = Histogram.Of(values, whole);

        Assert.Equal(logarithmic, histogram.Logarithmic);
        Assert.Equal(201, histogram.Bins.Sum(bin => bin.Count));
        Assert.All(histogram.Bins, bin => Assert.True(bin.Low < bin.High));
        Assert.All(histogram.Bins.Zip(histogram.Bins.Skip(1)), pair => Assert.Equal(pair.First.High, pair.Second.Low));
        foreach (var bin in histogram.Bins.SkipLast(1))
        {
            Assert.Equal(values.Values.Where(v => v.Key >= bin.Low && v.Key < bin.High).Sum(v => v.Value), bin.Count);
        }

        Assert.All(histogram.Ticks(), tick => Assert.InRange(histogram.Position(tick), -1e-9, 1 + 1e-9));
        Assert.InRange(histogram.Ticks().Count(), 2, 12);
    }
}
