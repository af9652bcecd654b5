using ClipTrain.Cli.Sweeps;
using ClipTrain.Coordinator.Storage;
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
        WholeFile.Write(_sweep.Source, file + "\n");
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
        Assert.Empty(view.Laws);
        Assert.Contains("power", view.Note, StringComparison.Ordinal);
        Assert.Same(_watched.Read(), _watched.Read());

        for (var i = 1; i < 4; i++)
        {
            End(i, 2.0 * Math.Pow(2, -0.3 * i));
        }

        view = Assert.Single(_watched.Read());
        var law = Assert.Single(view.Laws);
        Assert.Equal("power", law.Name);
        Assert.Equal(2, law.Points[0].Value, 3);
        Assert.True(law.Points[^1].X > view.Trials[^1].X && law.Points[^1].Value < view.Trials[3].Y);
    }

    [Fact]
    public void A_trial_that_a_pool_was_given_is_not_called_interrupted_when_nobody_watches()
    {
        _sweep.Write(new TrialRecord { Id = _trials[0].Id, State = TrialState.Begun });
        Assert.Equal("interrupted", Assert.Single(_watched.Read()).Trials[0].State);
        WholeFile.Write(_sweep.Experiment, "widths-0123abcd\n");
        Assert.Equal("not watched", Assert.Single(_watched.Read()).Trials[0].State);
        using var watching = RunLock.Acquire(_sweep.Lock, TimeProvider.System);
        Assert.Equal("running", Assert.Single(_watched.Read()).Trials[0].State);
    }

    [Fact]
    public void Each_group_has_the_law_of_its_own_trials_and_one_with_too_few_has_only_points()
    {
        var file = _folder.File("groups.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: groups
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            folder: {{_folder.File("groups")}}
            metric: heldout-vendor-categories.top1
            efficiency: { axis: training.objective, reference: contrastive }
            axes: [{ training.objective: [contrastive, sigmoid] }, { training.steps: [10, 20, 40, 80, 160] }]
            """
        );
        var sweep = new SweepFolder(_folder.File("groups"));
        WholeFile.Write(sweep.Source, file + "\n");
        var trials = OpenedSweep.Open(file).Trials;
        var watched = new WatchedSweeps(() => [sweep.Path]);
        void EndAll(string objective, int count, double exponent)
        {
            var own = trials.Where(trial => SweepResults.GroupOf(OpenedSweep.OfFolder(sweep.Path).Sweep, trial) == objective);
            foreach (var (i, trial) in own.Take(count).Index())
            {
                sweep.Write(
                    new TrialRecord
                    {
                        Id = trial.Id,
                        State = TrialState.Done,
                        Figures = new Dictionary<string, double>(StringComparer.Ordinal)
                        {
                            ["heldout-vendor-categories.top1"] = 1 - (0.8 * Math.Pow(2, -exponent * i)),
                        },
                    }
                );
            }
        }

        EndAll("contrastive", 5, 0.3);
        EndAll("sigmoid", 2, 0.6);
        var view = Assert.Single(watched.Read());
        Assert.Equal("contrastive", Assert.Single(view.Laws).Group);
        Assert.Contains("sigmoid: power is not fitted", view.Note, StringComparison.Ordinal);
        Assert.Equal(
            ["contrastive", "sigmoid"],
            view.Trials.Select(trial => trial.Group).Distinct(StringComparer.Ordinal),
            StringComparer.Ordinal
        );

        EndAll("sigmoid", 5, 0.6);
        view = Assert.Single(watched.Read());
        Assert.Null(view.Note);
        Assert.Equal(["contrastive", "sigmoid"], view.Laws.Select(law => law.Group), StringComparer.Ordinal);
        Assert.True(view.Laws[1].Points[^1].Value < view.Laws[0].Points[^1].Value);
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
