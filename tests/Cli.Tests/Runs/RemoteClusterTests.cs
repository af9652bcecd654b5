using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class RemoteClusterTests
{
    [Fact]
    public void A_pool_of_another_build_is_refused_with_both_builds_and_what_to_do()
    {
        var error = Assert.Throws<CoordinatorRefusedException>(() => RemoteCluster.CheckBuild("host:7000", "0.1.0+a", "0.1.0+b"));
        Assert.Contains("host:7000", error.Message, StringComparison.Ordinal);
        Assert.Contains("0.1.0+a", error.Message, StringComparison.Ordinal);
        Assert.Contains("0.1.0+b", error.Message, StringComparison.Ordinal);
        Assert.Contains("same build", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.1.0+a")]
    [InlineData(null)]
    public void A_pool_of_the_same_build_and_a_run_are_accepted(string? pool) => RemoteCluster.CheckBuild("host:7000", pool, "0.1.0+a");
}
