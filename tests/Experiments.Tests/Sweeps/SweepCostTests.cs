using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Experiments.Tests.Sweeps;

public sealed class SweepCostTests : IDisposable
{
    private const string Body = "axes:\n  - width: [8, 16]\nbudget: { samples: [40, 400, 4000] }\ncores: 2\n";

    private readonly SweepText _text = new();

    public void Dispose() => _text.Dispose();

    [Fact]
    public void Without_a_finished_trial_only_the_hours_are_unknown()
    {
        var trials = _text.Plan(Body);
        Assert.Null(TrialSpeed.OfFinished(_text.Read(Body), _text.Folder, trials));
        var cost = SweepCost.Of(trials, speed: null);
        Assert.Equal((6, 2 * 4440, null), (cost.Trials, cost.Samples, cost.DeviceSeconds));
        Assert.Equal(4440 * 60 * (640 + 2560), 10 * cost.Flops, 1e-6);
        Assert.Equal(3 * 12 * (64 + 256), cost.DiskBytes);
    }

    [Fact]
    public void A_finished_trial_tells_the_speed_of_training_and_what_a_trial_takes_besides()
    {
        var (sweep, trials) = (_text.Read(Body), _text.Plan(Body));
        // The smallest: 10 s on 2 cores, of which it trained for 1 s.
        Done(trials[0], coreSeconds: 20, ("seconds", 1));

        var speed = TrialSpeed.OfFinished(sweep, _text.Folder, trials)!;

        Assert.Equal(20, speed.SecondsOf(trials[0])!.Value, 1e-9);
        Assert.Equal(18 + (2 * 100), speed.SecondsOf(trials[2])!.Value, 1e-9);
        Assert.Equal(6 * 18 + (2 * 111 * (1 + 4)), SweepCost.Of(trials, speed).DeviceSeconds!.Value, 1e-6);
    }

    [Fact]
    public void A_finished_trial_without_a_training_time_has_trained_all_the_time()
    {
        var (sweep, trials) = (_text.Read(Body), _text.Plan(Body));
        Done(trials[0], coreSeconds: 20);
        Assert.Equal(2000, TrialSpeed.OfFinished(sweep, _text.Folder, trials)!.SecondsOf(trials[2])!.Value, 1e-9);
    }

    private void Done(Trial trial, double coreSeconds, params (string Name, double Value)[] figures) =>
        _text.Folder.Write(
            new TrialRecord
            {
                Id = trial.Id,
                State = TrialState.Done,
                CoreSeconds = coreSeconds,
                Figures = figures.ToDictionary(figure => figure.Name, figure => figure.Value, StringComparer.Ordinal),
            }
        );
}
