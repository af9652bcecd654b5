using ClipTrain.Experiments.Efficiency;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Experiments.Tests.Sweeps;

public sealed class SweepResultsTests : IDisposable
{
    private readonly SweepText _text = new();

    public void Dispose() => _text.Dispose();

    [Fact]
    public void Results_without_a_logarithm_are_named_with_the_reason()
    {
        const string body = "metric: top1\naxes:\n  - width: [8, 16, 32, 64]\n";
        var (sweep, trials) = (_text.Read(body), _text.Plan(body));
        double[] accuracies = [0.5, 1, double.NaN, 1];
        foreach (var (trial, accuracy) in trials.Zip(accuracies))
        {
            Done(trial, accuracy);
        }

        Assert.Single(SweepResults.Observations(sweep, _text.Folder, trials, isHeldOut: false));
        Assert.Equal(
            [
                "2 results are in no fit, because the error (1 - top1) is 0, and laws use its logarithm, which only numbers above zero have: "
                    + $"{trials[1].Id} (width: 16); {trials[3].Id} (width: 64).",
                "one result is in no fit, because the error (1 - top1) is NaN, and laws use its logarithm, which only numbers above zero have: "
                    + $"{trials[2].Id} (width: 32).",
            ],
            SweepResults.LeftOut(sweep, _text.Folder, trials)
        );
    }

    [Theory]
    [InlineData(", by: compute", 2)]
    [InlineData(", by: samples", 0.5)]
    [InlineData("", 0.5)]
    public void An_efficiency_compares_labelled_choices_by_samples_or_by_compute(string by, double ratio)
    {
        // Accuracy grows with the logarithm of the samples. The fancy model needs half of the plain one's, at four times the compute each.
        var body = $$"""
            metric: top1
            axes:
              - name: architecture
                labels: ["plain", "fancy"]
                width: [8, 16]
              - name: recipe
                training.learning_rate: [0.1, 0.2]
            seeds: [1, 2]
            budget: { samples: [64, 128, 256, 512] }
            efficiency: { axis: architecture, reference: plain, accuracy: [0.2]{{by}} }
            """;
        var (sweep, trials) = (_text.Read(body), _text.Plan(body));
        foreach (var trial in trials)
        {
            var labels = trial.Labels.ToDictionary(StringComparer.Ordinal);
            var worth = (labels["architecture"] == "fancy" ? 2 : 1) * (labels["recipe"] == "0.1" ? 1 : 0.5);
            Done(trial, 0.1 * Math.Log2(worth * trial.Resolved.Samples!.Value / 32));
        }

        var rows = EfficiencyComparison.Compare(
            SweepResults.Accuracies(sweep, sweep.Efficiency!, _text.Folder, trials),
            sweep.Efficiency!.Reference,
            sweep.Efficiency.Accuracies
        );

        Assert.Equal(["plain", "fancy"], rows.Select(row => row.Group));
        Assert.All(rows, row => Assert.Equal("recipe: 0.1", row.Configuration));
        Assert.Equal(ratio, rows[1].Ratio!.Value.Value, 1e-9);
    }

    private void Done(Trial trial, double accuracy) =>
        _text.Folder.Write(
            new TrialRecord
            {
                Id = trial.Id,
                State = TrialState.Done,
                Figures = new Dictionary<string, double>(StringComparer.Ordinal) { ["top1"] = accuracy },
            }
        );
}
