using ClipTrain.Cli.Sweeps;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class PlannedSpeedTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Before_a_trial_has_finished_the_hours_are_estimated_from_this_machine_in_each_precision()
    {
        var planned = PlannedSpeed.Of(Open("training.precision: [fp32, bf16]"));
        Assert.StartsWith("Hours are an estimate", planned.Basis, StringComparison.Ordinal);
        Assert.Contains(" in fp32", planned.Basis, StringComparison.Ordinal);
        Assert.Contains(" in bf16", planned.Basis, StringComparison.Ordinal);
    }

    [Fact]
    public void A_longer_trial_is_estimated_to_take_longer_and_a_finished_one_replaces_the_estimate()
    {
        var opened = Open("training.steps: [10, 1000]");
        var estimate = PlannedSpeed.Of(opened).Speed!;
        Assert.True(estimate.SecondsOf(opened.Trials[1]) > estimate.SecondsOf(opened.Trials[0]));

        opened.Folder.Write(
            new TrialRecord
            {
                Id = opened.Trials[0].Id,
                State = TrialState.Done,
                CoreSeconds = 50,
            }
        );
        var measured = PlannedSpeed.Of(opened);
        Assert.Equal(5000, measured.Speed!.SecondsOf(opened.Trials[1])!.Value, 1e-6);
        Assert.Equal("Hours are at the mean speed of the finished trials.", measured.Basis);
    }

    [Fact]
    public void The_hours_of_trials_on_GPUs_are_unknown_until_one_has_finished()
    {
        var planned = PlannedSpeed.Of(Open("cluster.device: [cuda], training.steps: [10]"));
        Assert.Null(planned.Speed);
        Assert.Contains("GPU", planned.Basis, StringComparison.Ordinal);
    }

    [Fact]
    public void The_disk_of_a_trial_follows_from_its_moments_and_from_how_many_checkpoints_it_keeps()
    {
        var bytes = Open("training.moments: [fp32, bf16, int8]").Trials.Select(trial => (double)trial.Resolved.DiskBytes).ToList();
        // Weights and two moments: 4 + 8, 4 + 4 and 4 + 2 bytes a parameter, and a scale for each 256.
        Assert.Equal(8 / 12.0, bytes[1] / bytes[0], 0.01);
        Assert.Equal(6.03 / 12, bytes[2] / bytes[0], 0.01);

        var kept = Open("checkpoint.keep: [5, 5, 2], checkpoint.every_minutes: [10, 0, 0], checkpoint.every_steps: [0, 300, 300]")
            .Trials.Select(trial => (double)trial.Resolved.DiskBytes)
            .ToList();
        // 700 steps: without a checkpoint by minutes there are those of steps 300, 600 and 700.
        Assert.Equal(5.0 / 3, kept[0] / kept[1], 1e-6);
        Assert.Equal(1.5, kept[1] / kept[2], 1e-6);
    }

    private OpenedSweep Open(string axis)
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: speed
            folder: {{_folder.File("sweep")}}
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            set: { training.steps: 700 }
            axes: [{ {{axis}} }]
            """
        );
        return OpenedSweep.Open(file);
    }
}
