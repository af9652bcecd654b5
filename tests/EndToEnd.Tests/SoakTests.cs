using ClipTrain.Coordinator.Protocol;
using ClipTrain.Soak;

namespace ClipTrain.EndToEnd.Tests;

public sealed class SoakTests
{
    [Fact]
    public async Task A_run_under_random_faults_is_bitwise_equal_to_an_undisturbed_one()
    {
        using var output = new StringWriter();
        var options = new SoakOptions
        {
            Faults = 6,
            Seed = 1,
            Lease = TimeSpan.FromSeconds(8),
        };
        Assert.True(await SoakRun.RunAsync(options, output, TimeProvider.System) == 0, output.ToString());
    }

    [Fact]
    public void A_fault_plan_is_a_function_of_its_seed_with_every_kind_equally_often()
    {
        var options = new SoakOptions();
        Fault[] Plan(int seed) => [.. FaultPlan.Draw(seed, 60, options.Kinds, options.Workers, options.Lease)];
        Assert.Equivalent(Plan(1), Plan(1), strict: true);
        Assert.NotEqual(Plan(1).Select(fault => fault.Kind), Plan(2).Select(fault => fault.Kind));
        Assert.All(Plan(1).CountBy(fault => fault.Kind), kind => Assert.Equal(5, kind.Value));
    }

    [Fact]
    public void A_history_that_goes_on_from_the_last_step_is_right()
    {
        Assert.Empty(Faults(touched: false, Generation(1, 0), Step(1, 1), Step(1, 2), Generation(2, 2), Step(2, 3)));
    }

    [Fact]
    public void A_missing_or_repeated_step_is_found()
    {
        Assert.Contains(
            "step 3 was recorded after step 1",
            Faults(touched: false, Generation(1, 0), Step(1, 1), Step(1, 3)),
            StringComparer.Ordinal
        );
        Assert.Contains(
            "step 1 was recorded after step 1",
            Faults(touched: false, Generation(1, 0), Step(1, 1), Step(1, 1)),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void Going_back_is_a_violation_unless_every_holder_of_the_step_was_hit()
    {
        LedgerEntry[] entries = [Generation(1, 0), Step(1, 1), Step(1, 2), Generation(2, 1), Step(2, 2)];
        Assert.StartsWith(
            "generation 2 starts from step 1, although step 2 is committed",
            Assert.Single(Faults(touched: false, entries)),
            StringComparison.Ordinal
        );
        Assert.Empty(Faults(touched: true, entries));
        Assert.Equal(
            "generation 2 starts from step 0, although there is a checkpoint of step 1",
            Assert.Single(Faults(touched: true, Generation(1, 0), Step(1, 1), Step(1, 2), Generation(2, 0)))
        );
    }

    [Fact]
    public void A_repeated_step_with_a_different_loss_is_found()
    {
        var faults = Faults(touched: true, Generation(1, 0), Step(1, 1), Step(1, 2), Generation(2, 1), Step(2, 2, loss: 0.75));
        Assert.Equal("step 2 was repeated with loss 0.75; its loss was 0.5", Assert.Single(faults));
    }

    /// <summary>Violations in a history with a checkpoint of step 1.</summary>
    private static List<string> Faults(bool touched, params LedgerEntry[] entries)
    {
        var history = new StepHistory(new HistoryRules(GlobalBatch: 4, IsBitwise: true, _ => touched, _ => 1));
        return [.. entries.SelectMany(history.Add)];
    }

    private static LedgerEntry Generation(int number, long startStep) =>
        new(new GenerationRecord(number, startStep, ["w0", "w1"], DateTimeOffset.UnixEpoch), Step: null);

    private static LedgerEntry Step(int generation, long step, double loss = 0.5) =>
        new(
            Generation: null,
            new StepRecord(
                generation,
                new StepMetrics
                {
                    Step = step,
                    Samples = 4 * step,
                    Epoch = 0,
                    Loss = loss,
                    LogitScale = 1,
                    GradientNorm = 1,
                    LearningRate = 1,
                    StepSeconds = 1,
                    ImagesPerSecond = 1,
                    DataWaitShare = 0,
                    BadSamples = 0,
                },
                [new StepShare(2, 0, 1, 0), new StepShare(2, 0, 2, 0)]
            )
        );
}
