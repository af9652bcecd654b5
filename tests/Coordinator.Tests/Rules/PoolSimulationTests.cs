using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class PoolSimulationTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void No_device_is_used_twice_and_no_trial_is_lost_or_run_twice_whatever_dies(int seed)
    {
        var simulation = new PoolSimulation(seed);
        for (var step = 0; step < 600; step++)
        {
            simulation.Step();
        }

        simulation.Calm();
    }

    [Fact]
    public void The_simulation_meets_every_fate_of_a_trial()
    {
        var trials = new List<TrialState>();
        for (var seed = 0; seed < 20; seed++)
        {
            var simulation = new PoolSimulation(seed);
            for (var step = 0; step < 600; step++)
            {
                simulation.Step();
            }

            trials.AddRange(simulation.Trials);
        }

        Assert.Equal(Enum.GetValues<TrialStatus>(), trials.Select(trial => trial.Status).Distinct().Order());
        Assert.Contains(trials, trial => trial.DeviceLosses > 1);
        Assert.Contains(trials, trial => trial is { Failures: 1, Spec.MaxAttempts: 2, IsOver: false });
        Assert.Contains(trials, trial => trial.StopsTo is not null);
    }
}
