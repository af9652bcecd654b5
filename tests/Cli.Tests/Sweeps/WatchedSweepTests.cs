using ClipTrain.Cli.Sweeps;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class WatchedSweepTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SweepFolder _sweep;
    private readonly WatchedSweeps _watched;
    private readonly IReadOnlyList<Trial> _trials;

    public WatchedSweepTests()
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: widths
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            folder: {{_folder.File("widths")}}
            axes: [{ training.steps: [10, 20, 40, 80, 160] }]
            predict: { law: power, trials: [{ training.steps: 160 }] }
            """
        );
        _sweep = new SweepFolder(_folder.File("widths"));
        SweepFolder.WriteWhole(_sweep.Source, file + "\n");
        _trials = OpenedSweep.Open(file).Trials;
        _watched = new WatchedSweeps(() => [_sweep.Path]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Trials_have_their_states_and_a_law_appears_once_enough_are_done()
    {
        End(0, 2.0);
        _sweep.Write(new TrialRecord { Id = _trials[1].Id, State = TrialState.Begun });
        var view = Assert.Single(_watched.Read());
        Assert.Equal(
            ["done", "interrupted", "missing", "missing", "missing"],
            view.Trials.Select(trial => trial.State),
            StringComparer.Ordinal
        );
        Assert.Null(view.Law);
        Assert.Contains("power", view.Note, StringComparison.Ordinal);
        Assert.Same(_watched.Read(), _watched.Read());

        for (var i = 1; i < 4; i++)
        {
            End(i, 2.0 * Math.Pow(2, -0.3 * i));
        }

        view = Assert.Single(_watched.Read());
        var law = view.Law!;
        Assert.Equal("power", law.Name);
        Assert.Equal(2, law.Points[0].Value, 3);
        Assert.True(law.Points[^1].X > view.Trials[^1].X && law.Points[^1].Value < view.Trials[3].Y);
    }

    [Fact]
    public void A_prediction_stands_beside_what_came_out()
    {
        for (var i = 0; i < 4; i++)
        {
            End(i, 2.0 * Math.Pow(2, -0.3 * i));
        }

        var opened = OpenedSweep.OfFolder(_sweep.Path);
        SweepPredictions.Make(opened.Sweep, _sweep, opened.Trials, [opened.Trials[4]], TimeProvider.System);
        End(4, 0.9);
        var trial = Assert.Single(_watched.Read()).Trials[4];
        Assert.Equal(0.9, trial.Y);
        Assert.Equal(2.0 * Math.Pow(2, -1.2), trial.Predicted!.Value, 3);
    }

    [Fact]
    public void A_sweep_whose_file_is_gone_says_so_and_leaves_the_others_alone()
    {
        File.Delete(_folder.File("sweep.yaml"));
        Assert.Contains("sweep.yaml", Assert.Single(_watched.Read()).Note, StringComparison.Ordinal);
    }

    private void End(int trial, double loss) =>
        _sweep.Write(
            new TrialRecord
            {
                Id = _trials[trial].Id,
                State = TrialState.Done,
                Figures = new Dictionary<string, double>(StringComparer.Ordinal) { ["loss"] = loss },
            }
        );
}
