using ClipTrain.Soak;

namespace ClipTrain.EndToEnd.Tests;

public sealed class SoakTests
{
    [Fact]
    public async Task A_run_under_random_faults_is_bitwise_an_undisturbed_one()
    {
        using var output = new StringWriter();
        var options = new SoakOptions { Faults = 6, Seed = 1 };
        Assert.True(await SoakRun.RunAsync(options, output, TimeProvider.System) == 0, output.ToString());
    }

    [Fact]
    public void A_plan_of_faults_is_a_function_of_its_seed_and_deals_each_kind_equally_often()
    {
        var options = new SoakOptions();
        Fault[] Plan(int seed) => [.. FaultPlan.Draw(seed, 45, options.Kinds, options.Workers, options.Lease)];
        Assert.Equivalent(Plan(1), Plan(1), strict: true);
        Assert.NotEqual(Plan(1).Select(fault => fault.Kind), Plan(2).Select(fault => fault.Kind));
        Assert.All(Plan(1).CountBy(fault => fault.Kind), kind => Assert.Equal(5, kind.Value));
    }
}
