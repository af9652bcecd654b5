using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Tests.Loading;

public class ShuffleWindowTests
{
    private const double MiB = 1 << 20;

    [Theory]
    [InlineData(100 * MiB, 10, 10)]
    [InlineData(10_240 * MiB, 1000, 25)]
    [InlineData(10_240 * MiB, 4, 1)]
    public void A_window_holds_256_MiB_but_at_least_a_row_group_and_at_most_the_corpus(double bytes, int groups, int window) =>
        Assert.Equal(window, ShuffleWindow.Of(bytes, groups));
}
