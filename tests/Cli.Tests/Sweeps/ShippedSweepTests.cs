using System.Globalization;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class ShippedSweepTests
{
    public static TheoryData<string, int> Sweeps =>
        new()
        {
            { "architectures", 4 * 3 * 4 },
            { "batch-size", 6 * 3 * 2 * 2 },
            { "demo-scaling", (4 * 4 * 3) + 2 },
            { "objectives", 3 * 3 * 4 },
            { "patch-size", 4 * 3 * 4 },
            { "quickstart-recipe", 5 * 9 },
        };

    [Theory, MemberData(nameof(Sweeps))]
    public void A_shipped_sweep_has_a_valid_plan(string name, int trials)
    {
        var opened = OpenedSweep.Open(Path.Combine(Repository.Configs, "sweeps", $"{name}.yaml"));
        Assert.Equal(trials, opened.Trials.Count);
        Assert.All(opened.Trials, trial => Assert.True(trial.Resolved is { Steps: > 0, Flops: > 0, Parameters: > 0 }));
    }

    [Fact]
    public void Every_sweep_in_the_folder_is_tested() =>
        Assert.Equal(
            Directory
                .GetFiles(Path.Combine(Repository.Configs, "sweeps"))
                .Select(file => Path.GetFileNameWithoutExtension(file)!)
                .Order(StringComparer.Ordinal),
            Sweeps.Select(sweep => (string)((object[])sweep)[0]),
            StringComparer.Ordinal
        );

    [Fact]
    public void At_equal_compute_every_architecture_meets_the_budget_within_half_a_step()
    {
        var trials = OpenedSweep.Open(Path.Combine(Repository.Configs, "sweeps", "architectures.yaml")).Trials;
        Assert.All(
            trials,
            trial =>
            {
                var budget = double.Parse(
                    trial.Labels.Single(label => label.Key == Expansion.BudgetColumn).Value,
                    CultureInfo.InvariantCulture
                );
                var flopsOfStep = trial.Resolved.Flops!.Value / trial.Resolved.Steps!.Value;
                Assert.InRange(budget / flopsOfStep, trial.Resolved.Steps.Value - 0.5, trial.Resolved.Steps.Value + 0.5);
            }
        );
    }

    [Fact]
    public void An_axis_with_an_unknown_key_is_an_error_that_suggests_the_nearest_key()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory().FullName, "sweep.yaml");
        File.WriteAllText(
            file,
            $"name: x\nbase: {Path.Combine(Repository.Configs, "quickstart.yaml")}\naxes: [{{ training.learning_rat: [1] }}]\n"
        );
        var error = Assert.Throws<ExperimentException>(() => OpenedSweep.Open(file));
        Assert.Contains("learning_rate", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("--set", error.Message, StringComparison.Ordinal);
    }
}
