using ClipTrain.Cli.Sweeps;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class PredictionTableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1000, 0.1, "yes")]
    [InlineData(1000, 0.9, "no; it has 2 times the FLOPs of any trial that the law was fitted to")]
    [InlineData(200, 0.9, "no")]
    public void A_missed_prediction_says_how_far_its_trial_was_beyond_the_others(int steps, double error, string inside)
    {
        var opened = Open(steps);
        foreach (var trial in opened.Trials.Where(trial => !trial.IsHeldOut))
        {
            Done(opened, trial, 100 / (double)trial.Resolved.Steps!.Value);
        }

        var heldOut = opened.Trials.Single(trial => trial.IsHeldOut);
        SweepPredictions.Make(opened.Sweep, opened.Folder, opened.Trials, [heldOut], TimeProvider.System);
        Done(opened, heldOut, error);

        var row = Assert.Single(Assert.Single(PredictionTable.Of(opened)).Rows);

        Assert.Equal(heldOut.Id, row[0]);
        Assert.Equal(inside, row[6]);
    }

    [Fact]
    public void Without_predictions_there_is_no_table() => Assert.Empty(PredictionTable.Of(Open(1000)));

    private static void Done(OpenedSweep opened, Trial trial, double loss) =>
        opened.Folder.Write(
            new TrialRecord
            {
                Id = trial.Id,
                State = TrialState.Done,
                Figures = new Dictionary<string, double>(StringComparer.Ordinal) { ["loss"] = loss },
            }
        );

    private OpenedSweep Open(int heldOut)
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: predicted
            folder: {{_folder.File("sweep")}}
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            axes: [{ training.steps: [100, 150, 250, 350, 500, {{heldOut}}] }]
            predict: { law: power, trials: [{ training.steps: {{heldOut}} }] }
            """
        );
        return OpenedSweep.Open(file);
    }
}
